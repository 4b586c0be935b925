//! ListDeliveryStreams
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

/// Firehose's default page.
const LIMIT_DEFAULT: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    limit: Option<usize>,
    delivery_stream_type: Option<String>,
    exclusive_start_delivery_stream_name: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let limit = input.limit.unwrap_or(LIMIT_DEFAULT);
    let kind = input.delivery_stream_type.as_deref();
    let after = input.exclusive_start_delivery_stream_name.unwrap_or_default();
    let cores = app.state.read();
    let streams = cores.delivery.streams().filter(|stream| kind.is_none_or(|kind| stream.kind() == kind));
    let mut names = streams.map(|stream| stream.name.as_str()).filter(|name| **name > *after);
    let page: Vec<&str> = names.by_ref().take(limit).collect();
    Ok(json!({ "DeliveryStreamNames": page, "HasMoreDeliveryStreams": names.next().is_some() }))
}
