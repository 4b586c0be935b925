//! `DeleteThingGroup`
use sekisho_types::ThingGroupName;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_group_name: ThingGroupName,
    expected_version: Option<u64>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.delete_thing_group(&input.thing_group_name, input.expected_version)).await
}
