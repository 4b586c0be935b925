//! What a template is written in: a version of the language, and the variables that its statement sets (SET clause, "Using variables").
use crate::value::Value;
use crate::{Program, SqlVersion};

/// It.
#[derive(Clone, Copy, Debug)]
pub struct Language<'a> {
    pub(crate) version: SqlVersion,
    pub(crate) variables: &'a [Box<str>],
}

/// What SET made of a message, for the templates of its rule.
#[derive(Clone, Debug, Default)]
pub struct Variables(pub(crate) Box<[Value<'static>]>);

impl From<SqlVersion> for Language<'_> {
    /// Of a statement that sets none.
    fn from(version: SqlVersion) -> Self {
        Self { version, variables: &[] }
    }
}

impl<'a> From<&'a Program> for Language<'a> {
    fn from(program: &'a Program) -> Self {
        Self { version: program.version, variables: &program.variable_names }
    }
}

impl Variables {
    /// Each as JSON, to be kept; `None` is Undefined.
    pub fn to_texts(&self) -> Vec<Option<String>> {
        let texts = self.0.iter().map(|value| value.clone().into_json().into_owned());
        texts.map(|text| Some(text).filter(|text| !text.is_empty())).collect()
    }

    /// And back.
    pub fn from_texts(texts: &[Option<String>], version: SqlVersion) -> Self {
        let value = |text: &Option<String>| match text {
            Some(text) => Value::Json(text.clone().into()).read(version),
            None => Value::Undefined,
        };
        Self(texts.iter().map(value).collect())
    }
}
