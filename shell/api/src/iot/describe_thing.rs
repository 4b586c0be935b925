//! `DescribeThing`
use sekisho_types::ThingName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let thing = cores.registry.thing(&input.thing_name)?;
    let mut output = json!({
        "defaultClientId": thing.thing_name,
        "thingName": thing.thing_name,
        "thingId": thing.thing_id,
        "thingArn": cores.registry.thing_arn(&thing.thing_name),
        "attributes": thing.attributes,
        "version": thing.version,
    });
    if let Some(thing_type_name) = &thing.thing_type_name {
        output["thingTypeName"] = json!(thing_type_name);
    }
    if let Some(billing_group_name) = cores.registry.billing_group_of_thing(&thing.thing_name) {
        output["billingGroupName"] = json!(billing_group_name);
    }
    Ok(output)
}
