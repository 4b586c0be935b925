//! `CreateThingType`
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::thing_type::ThingTypeProperties;
use super::{Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_type_name: ThingTypeName,
    #[serde(default)]
    thing_type_properties: ThingTypeProperties,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let arn = app.state.read().registry.thing_type_arn(&input.thing_type_name);
    let properties = input.thing_type_properties.offered()?;
    let searchable = properties.searchable_attributes.unwrap_or_default();
    let created = commit(app, |registry| {
        let description = properties.thing_type_description;
        let (mut events, thing_type) =
            registry.create_thing_type(now, input.thing_type_name, description, searchable, &mut random)?;
        if !events.is_empty() {
            events.extend(registry.tagged(&arn, tag_map(input.tags))?);
        }
        Ok((events, thing_type))
    });
    let thing_type = created.await?;
    Ok(json!({
        "thingTypeName": thing_type.thing_type_name,
        "thingTypeArn": arn,
        "thingTypeId": thing_type.thing_type_id,
    }))
}
