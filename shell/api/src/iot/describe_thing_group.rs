//! `DescribeThingGroup`
use sekisho_types::ThingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::name_and_arn;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_group_name: ThingGroupName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let group = cores.registry.thing_group(&input.thing_group_name)?;
    let arn = |name| cores.registry.thing_group_arn(name);
    let mut properties = json!({});
    if let Some(description) = &group.thing_group_description {
        properties["thingGroupDescription"] = json!(description);
    }
    if !group.attributes.is_empty() {
        properties["attributePayload"] = json!({ "attributes": group.attributes });
    }
    let mut metadata = json!({ "creationDate": group.creation_date.epoch_seconds() });
    if let Some(parent) = &group.parent_group_name {
        let above = cores.registry.ancestors(group).map(|above| &above.thing_group_name);
        let mut above: Vec<Value> = above.map(|name| name_and_arn(name.as_str(), arn(name))).collect();
        above.reverse();
        metadata["parentGroupName"] = json!(parent);
        metadata["rootToParentThingGroups"] = json!(above);
    }
    Ok(json!({
        "thingGroupName": group.thing_group_name,
        "thingGroupId": group.thing_group_id,
        "thingGroupArn": arn(&group.thing_group_name),
        "version": group.version,
        "thingGroupProperties": properties,
        "thingGroupMetadata": metadata,
    }))
}
