//! `GetRetainedMessage`, `ListRetainedMessages`: what topics hold for those who come later.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_retained::RetainedMessage;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::iot::page;
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
    let mut output = json!({
        "topic": input.topic,
        "payload": BASE64_STANDARD.encode(&message.payload),
        "qos": message.qos,
        "lastModifiedTime": message.kept_at.millis(),
    });
    if !message.properties.user_properties.is_empty() {
        output["userProperties"] = BASE64_STANDARD.encode(user_properties(message)).into();
    }
    Ok(output)
}

pub(crate) fn list(app: &App, input: Page) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let all = cores.retained.after(None, app.state.now());
    let size = input.max_results.unwrap_or(PAGE_SIZE);
    let (messages, next) = page(all, |(topic, _)| (*topic).to_owned(), false, input.next_token.as_deref(), size)?;
    let topics = messages.iter().map(|(topic, message)| {
        json!({
            "topic": topic,
            "payloadSize": message.payload.len(),
            "qos": message.qos,
            "lastModifiedTime": message.kept_at.millis(),
        })
    });
    let mut output = json!({ "retainedTopics": topics.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(output)
}

/// An array of objects with one pair each, in their order, as Publish takes them.
fn user_properties(message: &RetainedMessage) -> String {
    let pair =
        |(name, value): &(String, String)| Value::Object(Map::from_iter([(name.clone(), value.as_str().into())]));
    Value::Array(message.properties.user_properties.iter().map(pair).collect()).to_string()
}
