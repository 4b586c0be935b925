//! An action's members while they are read, and those that hold templates.
use sekisho_types::Random;
use serde_json::Value;

use super::{ActionError, RenderError};
use crate::{Language, Message, Template};

/// What is read from a member's text, or what is wrong with the text.
pub(super) type Read<T> = fn(&str) -> Result<T, String>;

/// The text itself.
pub(super) fn as_it_is(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// A member whose text is made for each message. One without templates in it is read when the rule is made, to refuse it then.
#[derive(Debug)]
pub(crate) struct Field<T> {
    name: &'static str,
    text: Box<str>,
    template: Template,
    read: Read<T>,
}

impl<T> Field<T> {
    /// As the rule has it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether its template asks for a secret: what it makes is not shown to people.
    pub(crate) fn has_secret(&self) -> bool {
        has_secret(&self.template)
    }

    /// The text, if it is the same for every message.
    pub(super) fn fixed(&self) -> Option<&str> {
        self.template.as_text()
    }

    pub(super) fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<T, RenderError> {
        self.read(&self.template_text(message, random)?)
    }

    /// `None` if its template has no value.
    pub(super) fn render_any(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Option<T>, RenderError> {
        let text = self.template_text(message, random)?;
        if text.is_empty() { Ok(None) } else { self.read(&text).map(Some) }
    }

    fn template_text(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<String, RenderError> {
        self.template
            .evaluate(message, random)
            .map_err(|error| RenderError::Template { place: self.name.into(), error })
    }

    fn read(&self, text: &str) -> Result<T, RenderError> {
        /// Enough to recognise it.
        const SHOWN_CHARS: usize = 128;
        let shown = if self.has_secret() { &self.text } else { text };
        (self.read)(text).map_err(|problem| RenderError::Value {
            place: self.name,
            value: shown.chars().take(SHOWN_CHARS).collect(),
            problem,
        })
    }
}

/// Whether a template asks for a secret.
pub(super) fn has_secret(template: &Template) -> bool {
    template.asks().iter().any(|asks| asks.function == "get_secret")
}

/// An action's members, or those of a structure in it.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    /// The action, or the way to the structure, such as `republish.headers`.
    pub of: &'a str,
    pub members: &'a Value,
    pub language: Language<'a>,
}

impl<'a> Members<'a> {
    /// A member that is there.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(Value::as_str)
    }

    pub(super) fn invalid(&self, message: impl std::fmt::Display) -> ActionError {
        ActionError::Invalid(format!("{}: {message}", self.of))
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a str, ActionError> {
        self.text(name).ok_or_else(|| self.invalid(format_args!("{name} is required")))
    }

    /// A member that may hold templates.
    pub(super) fn field<T>(&self, name: &'static str, read: Read<T>) -> Result<Option<Field<T>>, ActionError> {
        self.text(name).map(|text| self.compile(name, text, read)).transpose()
    }

    pub(super) fn required_field<T>(&self, name: &'static str, read: Read<T>) -> Result<Field<T>, ActionError> {
        self.compile(name, self.required(name)?, read)
    }

    /// The same, of a text that stands in the member's place.
    pub(super) fn compile<T>(&self, name: &'static str, text: &str, read: Read<T>) -> Result<Field<T>, ActionError> {
        let refused = |error| ActionError::Template { place: format!("{}.{name}", self.of), error };
        let template = Template::compile(text, self.language).map_err(refused)?;
        let field = Field { name, text: text.into(), template, read };
        if let Some(fixed) = field.fixed() {
            field.read(fixed).map_err(|error| self.invalid(error))?;
        }
        Ok(field)
    }
}
