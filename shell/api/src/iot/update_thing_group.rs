//! `UpdateThingGroup`
use sekisho_registry::ThingGroupUpdate;
use sekisho_types::ThingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ThingGroupProperties, commit};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_group_name: ThingGroupName,
    thing_group_properties: ThingGroupProperties,
    expected_version: Option<u64>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (attributes, merge) = match input.thing_group_properties.attribute_payload {
        Some(payload) => (Some(payload.attributes), payload.merge),
        None => (None, false),
    };
    let update = ThingGroupUpdate {
        thing_group_description: input.thing_group_properties.thing_group_description,
        attributes,
        merge,
        expected_version: input.expected_version,
    };
    let updated = commit(app, |registry| registry.update_thing_group(&input.thing_group_name, update));
    updated.await.map(|version| json!({ "version": version }))
}
