//! ListTagsForDeliveryStream
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

/// Firehose's default page, and its largest.
const LIMIT_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
    exclusive_start_tag_key: Option<String>,
    limit: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let after = input.exclusive_start_tag_key.unwrap_or_default();
    let cores = app.state.read();
    let mut tags = cores.delivery.stream(&name)?.tags.iter().filter(|(key, _)| **key > after);
    let page: Vec<Value> = tags
        .by_ref()
        .take(input.limit.unwrap_or(LIMIT_MAX))
        .map(|(key, value)| json!({"Key": key, "Value": value}))
        .collect();
    Ok(json!({ "Tags": page, "HasMoreTags": tags.next().is_some() }))
}
