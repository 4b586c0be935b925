//! What can be wrong with a statement, and what can go wrong with a message.
use crate::Question;
use crate::json::JsonError;

/// Why a statement or a template is refused (operator: correct it).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SqlError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What was expected and what was found, or what is not supported.
    pub message: String,
}

impl SqlError {
    /// An error at byte `offset` of `text`.
    pub(crate) fn at(text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1, message }
    }
}

/// Why a rule could not be evaluated over a message. Its actions are not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// Device: the rule reads fields, and the payload is not JSON (AWS metric `ParseError`).
    #[error("the payload is not JSON")]
    Parse(#[source] JsonError),
    /// Device: `SELECT *` with further items adds members, and the payload is JSON but not an object.
    #[error("members can not be added to a payload that is not a JSON object")]
    NotAnObject,
    /// Operator: a result that is an array needs a later version of the language.
    #[error("a result that is an array needs SQL version 2016-03-23")]
    TopLevelArray,
    /// Operator: the statement makes more of this message than is kept.
    #[error("the rule makes more than {} bytes of this message", crate::RESULT_BYTES_MAX)]
    TooLarge,
    /// Operator: the statement takes longer over this message than any message may take.
    #[error("the rule takes more than {} steps over this message", crate::STEPS_MAX)]
    TooLong,
    /// Operator: a function asks more than the message, and there is nobody to ask.
    #[error("`{0}` asks a server, and there is none")]
    NobodyToAsk(&'static str),
    /// Nothing is wrong: an answer is wanted first.
    #[error("`{}` was not answered yet", .0.asked_by())]
    Asks(Box<Question>),
    /// Operator: the statement asks more than may be asked for one message.
    #[error("the rule asks others more often than it may for one message")]
    AsksTooMuch,
    /// Operator: what was looked up is more than a statement may look up.
    #[error("`get_dynamodb` got more than 8 KB")]
    ItemTooLarge,
}
