//! `RemoveThingFromThingGroup`
use sekisho_types::{ThingGroupName, ThingName};
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_group_name: Option<ThingGroupName>,
    thing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| {
        let thing = registry.thing_name(input.thing_name, input.thing_arn.as_deref())?;
        let group = registry.thing_group_name(input.thing_group_name, input.thing_group_arn.as_deref())?;
        registry.remove_thing_from_group(&thing, &group)
    })
    .await
}
