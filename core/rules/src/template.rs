//! Substitution templates: `${expression}` in the fields of an action.
use sekisho_types::Random;

use crate::evaluate::{Context, Scope, read};
use crate::program::{Expression, Names};
use crate::sql;
use crate::{Asks, EvaluationError, Language, Message, RESULT_BYTES_MAX, SqlError, SqlVersion};

/// A text with expressions in it, such as `${topic()}/${timestamp()}`. They see the message and what SET made of it, never the result of a
/// SELECT.
#[derive(Debug)]
pub struct Template {
    pub(crate) version: SqlVersion,
    pub(crate) parts: Box<[Part]>,
    pub(crate) names: Names,
    pub(crate) asks: Box<[Asks]>,
}

#[derive(Debug)]
pub(crate) enum Part {
    Text(Box<str>),
    Expression(Expression),
}

impl Template {
    /// Compiles the text. A text without `${` is a template too.
    ///
    /// # Errors
    /// The place in `text` that is not an expression, or names what is not supported.
    pub fn compile<'a>(text: &str, language: impl Into<Language<'a>>) -> Result<Self, SqlError> {
        sql::template(text, language.into())
    }

    /// The text if there are no expressions in it.
    pub fn as_text(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The functions in it that ask more than the message.
    pub fn asks(&self) -> &[Asks] {
        &self.asks
    }

    /// The text with each expression replaced by its value as a String; Undefined and Null leave nothing.
    ///
    /// # Errors
    /// As [`crate::Program::evaluate`].
    pub fn evaluate(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<String, EvaluationError> {
        let mut context = Context::new(message, self.version, random);
        let scope = Scope::of_payload(message.payload, &self.names)?;
        let variables = message.variables.map_or(&[][..], |variables| &variables.0);
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression(expression) => {
                    let value = context.with(variables, |context| read(context, &scope, expression));
                    out.push_str(&value.text().unwrap_or_default());
                }
            }
            if out.len() > RESULT_BYTES_MAX {
                return Err(EvaluationError::TooLarge);
            }
        }
        context.failure.take().map_or(Ok(out), Err)
    }
}
