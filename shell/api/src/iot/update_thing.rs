//! `UpdateThing`
use sekisho_registry::ThingUpdate;
use sekisho_types::{ThingName, ThingTypeName};
use serde::Deserialize;
use serde_json::Value;

use super::{AttributePayload, commit_empty};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
    thing_type_name: Option<ThingTypeName>,
    attribute_payload: Option<AttributePayload>,
    expected_version: Option<u64>,
    #[serde(default)]
    remove_thing_type: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (attributes, merge) = match input.attribute_payload {
        Some(payload) => (Some(payload.attributes), payload.merge),
        None => (None, false),
    };
    let update = ThingUpdate {
        attributes,
        merge,
        thing_type_name: input.thing_type_name,
        remove_thing_type: input.remove_thing_type,
        expected_version: input.expected_version,
    };
    commit_empty(app, |registry| registry.update_thing(&input.thing_name, update)).await
}
