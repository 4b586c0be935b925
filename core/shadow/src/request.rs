//! The payloads of requests, parsed strictly.
use serde_json::{Map, Value};

use crate::ShadowError;

/// Bytes of a shadow's state, as compact JSON; metadata does not count (IoT Core quotas: "Maximum size of a JSON state document").
/// And then: 413.
pub const STATE_BYTES_MAX: usize = 8 * 1024;
/// Levels of objects and arrays in a section, the section itself included (IoT Core quotas: "Maximum depth of JSON device state
/// documents", and the error's text). And then: 400.
pub const DEPTH_MAX: usize = 6;
/// Bytes of a client token (IoT Core quotas). And then: 400.
pub const CLIENT_TOKEN_BYTES_MAX: usize = 64;

/// An update that says what it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// `desired` and `reported`, each an object or null, as they came.
    pub(crate) state: Map<String, Value>,
    /// Which version the caller has seen.
    pub(crate) version: Option<u64>,
    /// Comes back with every document this update brings about.
    pub(crate) client_token: Option<String>,
}

/// A refusal, and the token of the request it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub error: ShadowError,
    /// Whose request.
    pub client_token: Option<String>,
}

impl From<ShadowError> for Rejected {
    fn from(error: ShadowError) -> Self {
        Self { error, client_token: None }
    }
}

impl Update {
    /// Parses the payload of an update.
    ///
    /// # Errors
    /// What is wrong with it, in the service's words.
    pub fn parse(payload: &[u8]) -> Result<Self, Rejected> {
        let mut object = object(payload)?;
        let client_token = token(&object)?;
        let refused = |error| Rejected { error, client_token: client_token.clone() };
        let version = match object.get("version") {
            None | Some(Value::Null) => None,
            Some(version) => Some(version.as_u64().ok_or_else(|| refused(ShadowError::InvalidVersion))?),
        };
        let state = match object.remove("state") {
            None | Some(Value::Null) => return Err(refused(ShadowError::MissingState)),
            Some(Value::Object(state)) => state,
            Some(_) => return Err(refused(ShadowError::StateNotObject)),
        };
        for (section, value) in &state {
            let not_an_object = match section.as_str() {
                "desired" => ShadowError::DesiredNotObject,
                "reported" => ShadowError::ReportedNotObject,
                _ => return Err(refused(ShadowError::InvalidNode)),
            };
            match value {
                Value::Null => {}
                Value::Object(_) => check(value, 1).map_err(refused)?,
                _ => return Err(refused(not_an_object)),
            }
        }
        // What an update removes counts too: it is journaled, and told as it came.
        if state.values().map(compact_bytes).sum::<usize>() > STATE_BYTES_MAX {
            return Err(refused(ShadowError::TooLarge));
        }
        Ok(Self { state, version, client_token })
    }
}

/// The token in the payload of a get, which may be empty.
///
/// # Errors
/// A payload that is neither empty nor a JSON object.
pub fn client_token(payload: &[u8]) -> Result<Option<String>, Rejected> {
    if payload.is_empty() { Ok(None) } else { Ok(token(&object(payload)?)?) }
}

fn object(payload: &[u8]) -> Result<Map<String, Value>, ShadowError> {
    let text = std::str::from_utf8(payload).map_err(|_| ShadowError::Encoding)?;
    serde_json::from_str(text).map_err(|_| ShadowError::InvalidJson)
}

fn token(object: &Map<String, Value>) -> Result<Option<String>, ShadowError> {
    match object.get("clientToken") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) if token.len() <= CLIENT_TOKEN_BYTES_MAX => Ok(Some(token.clone())),
        Some(_) => Err(ShadowError::InvalidClientToken),
    }
}

/// Levels, and arrays without null (iot dev guide: "Array values in shadow documents").
fn check(value: &Value, level: usize) -> Result<(), ShadowError> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        Value::Array(_) | Value::Object(_) if level > DEPTH_MAX => Err(ShadowError::TooDeep),
        Value::Array(items) if items.iter().any(Value::is_null) => Err(ShadowError::InvalidNode),
        Value::Array(items) => items.iter().try_for_each(|item| check(item, level + 1)),
        Value::Object(members) => members.values().try_for_each(|value| check(value, level + 1)),
    }
}

/// The length of a value as compact JSON.
pub(crate) fn compact_bytes(value: &Value) -> usize {
    value.to_string().len()
}
