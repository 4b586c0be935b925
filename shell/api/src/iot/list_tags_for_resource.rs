//! `ListTagsForResource`: fifty tags at most, so there are no pages.
use serde::Deserialize;
use serde_json::{Value, json};

use super::Tag;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    resource_arn: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let tags = app.state.read().registry.tags(&input.resource_arn)?;
    let tags: Vec<Tag> = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(json!({ "tags": tags }))
}
