//! `DescribeThing`
use sekisho_types::ThingName;
use serde::Deserialize;
use serde_json::Value;

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    Ok(app.state.read().registry.describe_thing(&input.thing_name)?)
}
