//! `GetRetainedMessage`, `ListRetainedMessages`: what topics hold for those who come later.
use sekisho_policy::{GetRetainedMessage, ListRetainedMessages};
use sekisho_types::TopicName;
use sekisho_workers::Caller;
use serde::Deserialize;
use serde_json::Value;

use super::{bad_token, may};
use crate::{ApiError, App};

/// How many a page has if nobody says.
const PAGE_SIZE: usize = 200;

#[derive(Deserialize)]
pub(crate) struct One {
    topic: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(crate) fn get(app: &App, caller: Caller<'_>, input: &One) -> Result<Value, ApiError> {
    let none = || {
        let message = format!("No retained message exists for topic: {}", input.topic);
        ApiError::new(404, "ResourceNotFoundException", message)
    };
    let topic = TopicName::parse(&input.topic).map_err(|_| none())?;
    let permit = may(app, caller, GetRetainedMessage { topic })?;
    let topic = permit.action().topic.as_str();
    let cores = app.state.read();
    let message = cores.retained.get(topic, app.state.now()).ok_or_else(none)?;
    Ok(message.document(topic))
}

pub(crate) fn list(app: &App, caller: Caller<'_>, input: &Page) -> Result<Value, ApiError> {
    may(app, caller, ListRetainedMessages)?;
    let size = input.max_results.unwrap_or(PAGE_SIZE);
    let cores = app.state.read();
    let listed = sekisho_workers::retained_messages(&cores, input.next_token.as_deref(), size, app.state.now());
    listed.map_err(bad_token)
}
