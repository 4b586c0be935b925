//! AWS IoT SQL: which messages a rule selects, and what it makes of them.
//!
//! Receives the text of a rule and, for each message, the bytes of its payload; hands on the bytes of the result. A statement
//! is compiled once ([`compile`]) and then evaluated over raw payloads: only the fields it reads are looked at, and what it
//! merely copies is copied as text. Names the actions that follow; knows nothing of who takes them.
mod action; // what a rule does with what it selected
mod decimal; // numbers of 34 decimal digits
mod error; // what is wrong with a statement, what went wrong with a message
mod evaluate; // one expression over one message
mod functions; // one entry a SQL function
mod json; // the payload as text: checked once, read lazily
mod language; // what a template is written in
mod message; // what a rule may know about a message
mod operators; // + - * / % = <> < <= > >= AND OR NOT IN
mod program; // a compiled statement
mod question; // what it asks others for
mod select; // the SELECT clause: from values to the bytes of the result
mod sql; // text -> program
mod template; // `${...}` in an action's fields
mod value; // types and conversions
mod version; // 2015-10-08, 2016-03-23, beta

pub use action::{
    Action, ActionError, CallAction, FirehoseAction, Headers, HttpAction, KafkaAction, NewObject, Put, RenderError,
    Republication, RepublishAction, S3Action,
};
pub use error::{EvaluationError, SqlError};
pub use functions::{Arity, Function, functions};
pub use json::{JSON_DEPTH_MAX, JsonError};
pub use language::{Language, Variables};
pub use message::{Known, Message, MqttProperties};
pub use program::{Evaluation, Program};
pub use question::{Answer, Asks, ProtobufMessage, Question};
pub use sql::{SQL_BYTES_MAX, SQL_DEPTH_MAX, Statement, VARIABLES_MAX, compile};
pub use template::Template;
pub use version::SqlVersion;

/// The longest result, and the longest text a function makes on the way to it, in bytes. AWS bounds a message at 128 KiB;
/// this leaves room to encode one and to add to it. A rule that makes more fails with [`EvaluationError::TooLarge`].
pub const RESULT_BYTES_MAX: usize = 1 << 20;

/// The most steps that one evaluation takes. A step is a byte that is looked at or made; an operation is a few of them. It
/// bounds the time a message can take, whatever is in it: a rule that takes more fails with [`EvaluationError::TooLong`].
pub const STEPS_MAX: usize = 1 << 25;

#[cfg(test)]
mod cases; // core/rules/cases/*.case
#[cfg(test)]
mod one_oven; // who answers in tests
#[cfg(test)]
mod fuzz; // nothing a peer or an operator sends may panic
