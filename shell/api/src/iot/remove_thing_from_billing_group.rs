//! `RemoveThingFromBillingGroup`
use sekisho_types::{BillingGroupName, ThingName};
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    billing_group_name: Option<BillingGroupName>,
    billing_group_arn: Option<String>,
    thing_name: Option<ThingName>,
    thing_arn: Option<String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| {
        let thing = registry.thing_name(input.thing_name, input.thing_arn.as_deref())?;
        let group = registry.billing_group_name(input.billing_group_name, input.billing_group_arn.as_deref())?;
        registry.remove_thing_from_billing_group(&thing, &group)
    })
    .await
}
