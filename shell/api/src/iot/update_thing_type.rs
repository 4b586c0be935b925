//! `UpdateThingType`
use sekisho_registry::ThingTypeUpdate;
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use super::thing_type::ThingTypeProperties;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_type_name: ThingTypeName,
    #[serde(default)]
    thing_type_properties: ThingTypeProperties,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let properties = input.thing_type_properties.offered()?;
    let update = ThingTypeUpdate {
        thing_type_description: properties.thing_type_description,
        searchable_attributes: properties.searchable_attributes,
    };
    commit_empty(app, |registry| registry.update_thing_type(&input.thing_type_name, update)).await
}
