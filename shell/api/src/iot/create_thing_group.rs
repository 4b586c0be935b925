//! `CreateThingGroup`
use sekisho_types::ThingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, ThingGroupProperties, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_group_name: ThingGroupName,
    parent_group_name: Option<ThingGroupName>,
    #[serde(default)]
    thing_group_properties: ThingGroupProperties,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let arn = app.state.read().registry.thing_group_arn(&input.thing_group_name);
    let ThingGroupProperties { thing_group_description, attribute_payload } = input.thing_group_properties;
    let created = commit(app, |registry| {
        let (mut events, group) = registry.create_thing_group(
            now,
            input.thing_group_name,
            input.parent_group_name,
            thing_group_description,
            attribute_payload.unwrap_or_default().attributes,
            &mut random,
        )?;
        if !events.is_empty() {
            events.extend(registry.tagged(&arn, tag_map(input.tags))?);
        }
        Ok((events, group))
    });
    let group = created.await?;
    Ok(json!({
        "thingGroupName": group.thing_group_name,
        "thingGroupArn": arn,
        "thingGroupId": group.thing_group_id,
    }))
}
