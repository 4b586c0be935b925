//! `CreateThing`
use sekisho_types::{BillingGroupName, ThingName, ThingTypeName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{AttributePayload, commit};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
    thing_type_name: Option<ThingTypeName>,
    #[serde(default)]
    attribute_payload: AttributePayload,
    billing_group_name: Option<BillingGroupName>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (kind, billing_group) = (input.thing_type_name, input.billing_group_name);
    let (attributes, mut random) = (input.attribute_payload.attributes, app.state.random());
    let created = commit(app, |registry| {
        let (events, thing) = registry.create_thing(input.thing_name, kind, attributes, billing_group, &mut random)?;
        let arn = registry.thing_arn(&thing.thing_name);
        Ok((events, (thing, arn)))
    });
    let (thing, arn) = created.await?;
    Ok(json!({ "thingName": thing.thing_name, "thingArn": arn, "thingId": thing.thing_id }))
}
