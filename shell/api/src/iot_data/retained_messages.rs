//! `GetRetainedMessage`, `ListRetainedMessages`: what topics hold for those who come later.
use serde::Deserialize;
use serde_json::Value;

use super::bad_token;
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

pub(crate) fn get(app: &App, input: &One) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let Some(message) = cores.retained.get(&input.topic, app.state.now()) else {
        let message = format!("No retained message exists for topic: {}", input.topic);
        return Err(ApiError::new(404, "ResourceNotFoundException", message));
    };
    Ok(message.document(&input.topic))
}

pub(crate) fn list(app: &App, input: &Page) -> Result<Value, ApiError> {
    let size = input.max_results.unwrap_or(PAGE_SIZE);
    let cores = app.state.read();
    let listed = sekisho_workers::retained_messages(&cores, input.next_token.as_deref(), size, app.state.now());
    listed.map_err(bad_token)
}
