//! `UpdateThingGroupsForThing`. `overrideDynamicGroups` is of no consequence: there are no dynamic groups to make room.
use sekisho_types::{ThingGroupName, ThingName};
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: Option<ThingName>,
    #[serde(default)]
    thing_groups_to_add: Vec<ThingGroupName>,
    #[serde(default)]
    thing_groups_to_remove: Vec<ThingGroupName>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| {
        let thing = registry.thing_name(input.thing_name, None)?;
        registry.update_groups_of_thing(&thing, &input.thing_groups_to_add, &input.thing_groups_to_remove)
    })
    .await
}
