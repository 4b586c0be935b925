//! A bound input against the model's lengths, ranges, patterns and enumerations, refused in AWS's words.
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

use crate::pattern::Pattern;
use crate::table::{Bounds, Kind, Shape, Text};
use crate::{ApiError, Service};

/// An answer repeats at most this many characters of a value.
const SHOWN_CHARS_MAX: usize = 1024;
/// An answer lists at most this many errors.
const ERRORS_MAX: usize = 10;

/// The models' patterns, compiled when first needed: a server starts without waiting for those nobody uses.
#[derive(Debug, Default)]
pub struct Patterns {
    compiled: RwLock<HashMap<&'static str, Arc<Pattern>>>,
}

impl Patterns {
    fn get(&self, text: &'static str) -> Arc<Pattern> {
        if let Some(found) = self.compiled.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return found.clone();
        }
        let pattern = Arc::new(Pattern::compile(text));
        self.compiled.write().unwrap_or_else(PoisonError::into_inner).insert(text, pattern.clone());
        pattern
    }
}

/// Checks `input` against `shape`.
pub(crate) fn validate(
    service: Service,
    shape: Option<&'static Shape>,
    input: &Value,
    patterns: &Patterns,
) -> Result<(), ApiError> {
    let Some(shape) = shape else { return Ok(()) };
    let mut checker = Checker { patterns, errors: Vec::new(), wrong_type: None };
    checker.structure(shape, input, &Path::Top);
    if let Some(message) = checker.wrong_type {
        return Err(ApiError::new(400, "SerializationException", message));
    }
    if checker.errors.is_empty() {
        return Ok(());
    }
    let (count, noun) = (checker.errors.len(), if checker.errors.len() == 1 { "error" } else { "errors" });
    let message = format!("{count} validation {noun} detected: {}", checker.errors.join("; "));
    let code = match service {
        Service::Iot | Service::IotData | Service::IotJobsData => "InvalidRequestException",
        Service::Glue => "InvalidInputException",
        Service::Firehose | Service::Kms | Service::S3 | Service::Sts => "ValidationException",
    };
    Err(ApiError::new(400, code, message))
}

/// Where a value stands; put into words only when it is refused.
#[derive(Clone, Copy)]
enum Path<'a> {
    Top,
    Member(&'a Path<'a>, &'a str),
    /// Counted from 1.
    Item(&'a Path<'a>, usize),
    Entry(&'a Path<'a>, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Member(Self::Top, name) => f.write_str(&lower_first(name)),
            Self::Member(parent, name) => write!(f, "{parent}.{}", lower_first(name)),
            Self::Item(parent, at) => write!(f, "{parent}.{at}.member"),
            Self::Entry(parent, key) => write!(f, "{parent}.{key}.member"),
        }
    }
}

struct Checker<'a> {
    patterns: &'a Patterns,
    errors: Vec<String>,
    wrong_type: Option<String>,
}

impl Checker<'_> {
    fn structure(&mut self, shape: &'static Shape, value: &Value, path: &Path<'_>) {
        let Some(object) = value.as_object() else { return self.wrong(value, "structure") };
        for member in shape.members {
            let field = Path::Member(path, member.name);
            // At the top, binding has renamed members to the model's names; below, they stand by their names in JSON.
            let name = if matches!(path, Path::Top) { member.name } else { member.wire };
            match object.get(name).filter(|value| !value.is_null()) {
                Some(value) => self.value(member.kind, value, &field),
                None if member.required => self.refuse("null", &field, "Member must not be null"),
                None => {}
            }
        }
    }

    fn value(&mut self, kind: &'static Kind, value: &Value, path: &Path<'_>) {
        if self.errors.len() >= ERRORS_MAX || self.wrong_type.is_some() {
            return;
        }
        match (kind, value) {
            (Kind::String(text), Value::String(value)) => self.text(text, value, path),
            (Kind::Integer(bounds), Value::Number(number)) => match number.as_i64() {
                Some(n) => self.range(*bounds, n, path),
                None => self.wrong(value, "Integer"),
            },
            (Kind::Number(bounds), Value::Number(number)) => {
                self.range(*bounds, number.as_f64().unwrap_or_default() as i64, path);
            }
            (Kind::Boolean, Value::Bool(_)) | (Kind::Timestamp, Value::Number(_) | Value::String(_)) => {}
            (Kind::Blob(bounds), Value::String(text)) => {
                // Whether it is base64 is seen when a handler decodes it.
                let bytes = text.trim_end_matches('=').len() * 3 / 4;
                let shown = || format!("java.nio.HeapByteBuffer[pos=0 lim={bytes} cap={bytes}]");
                self.length(*bounds, bytes, shown, path);
            }
            (Kind::List(bounds, inner), Value::Array(items)) => {
                self.length(*bounds, items.len(), || shown(value), path);
                for (at, item) in items.iter().enumerate() {
                    self.value(inner, item, &Path::Item(path, at + 1));
                }
            }
            (Kind::Map(bounds, key_kind, value_kind), Value::Object(entries)) => {
                self.length(*bounds, entries.len(), || shown(value), path);
                for (key, item) in entries.iter().filter(|(_, item)| !item.is_null()) {
                    if let Kind::String(text) = key_kind {
                        self.text(text, key, path);
                    }
                    self.value(value_kind, item, &Path::Entry(path, key));
                }
            }
            (Kind::Structure(shape), Value::Object(_)) => self.structure(shape, value, path),
            (Kind::String(_), _) => self.wrong(value, "String"),
            (Kind::Integer(_), _) => self.wrong(value, "Integer"),
            (Kind::Number(_), _) => self.wrong(value, "Double"),
            (Kind::Boolean, _) => self.wrong(value, "Boolean"),
            (Kind::Timestamp, _) => self.wrong(value, "Timestamp"),
            (Kind::Blob(_), _) => self.wrong(value, "Blob"),
            (Kind::List(..), _) => self.wrong(value, "List"),
            (Kind::Map(..), _) => self.wrong(value, "Map"),
            (Kind::Structure(_), _) => self.wrong(value, "structure"),
        }
    }

    fn text(&mut self, text: &'static Text, value: &str, path: &Path<'_>) {
        if !text.values.is_empty() {
            if !text.values.contains(&value) {
                let constraint = format!("Member must satisfy enum value set: [{}]", text.values.join(", "));
                self.refuse(&quoted(value), path, &constraint);
            }
            return;
        }
        self.length(text.length, value.chars().count(), || clip(value), path);
        if !text.pattern.is_empty() && !self.patterns.get(text.pattern).matches(value) {
            let constraint = format!("Member must satisfy regular expression pattern: {}", text.pattern);
            self.refuse(&quoted(value), path, &constraint);
        }
    }

    fn length(&mut self, bounds: Bounds, length: usize, shown: impl FnOnce() -> String, path: &Path<'_>) {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let constraint = if length < bounds.min {
            format!("Member must have length greater than or equal to {}", bounds.min)
        } else if length > bounds.max {
            format!("Member must have length less than or equal to {}", bounds.max)
        } else {
            return;
        };
        self.refuse(&quoted(&shown()), path, &constraint);
    }

    fn range(&mut self, bounds: Bounds, number: i64, path: &Path<'_>) {
        let constraint = if number < bounds.min {
            format!("Member must have value greater than or equal to {}", bounds.min)
        } else if number > bounds.max {
            format!("Member must have value less than or equal to {}", bounds.max)
        } else {
            return;
        };
        self.refuse(&format!("'{number}'"), path, &constraint);
    }

    fn refuse(&mut self, value: &str, path: &Path<'_>, constraint: &str) {
        self.errors.push(format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}"));
    }

    fn wrong(&mut self, value: &Value, wanted: &str) {
        let found = match value {
            Value::Null => "NULL_VALUE",
            Value::Bool(true) => "TRUE_VALUE",
            Value::Bool(false) => "FALSE_VALUE",
            Value::Number(_) => "NUMBER_VALUE",
            Value::String(_) => "STRING_VALUE",
            Value::Array(_) => "Start of list",
            Value::Object(_) => "Start of structure or map",
        };
        self.wrong_type.get_or_insert_with(|| format!("{found} cannot be converted to {wanted}"));
    }
}

/// AWS names members in these texts by their Java names.
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

fn quoted(text: &str) -> String {
    format!("'{}'", clip(text))
}

fn clip(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// A list or map as Java prints it; what is deeper inside is left out.
fn shown(value: &Value) -> String {
    let item = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => "…".to_owned(),
        other => other.to_string(),
    };
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().take(64).map(|(key, value)| format!("{key}={}", item(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().take(64).map(item).collect::<Vec<_>>().join(", ")),
        other => item(other),
    }
}
