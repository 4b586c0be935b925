//! `DeleteThingType`
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_type_name: ThingTypeName,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| registry.delete_thing_type(now, &input.thing_type_name)).await
}
