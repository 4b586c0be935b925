//! DescribeDeliveryStream
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
    exclusive_start_destination_id: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let after = input.exclusive_start_destination_id.as_deref();
    let cores = app.state.read();
    let description = cores.delivery.stream(&name)?.describe(app.state.tenant(), after);
    Ok(json!({ "DeliveryStreamDescription": description }))
}
