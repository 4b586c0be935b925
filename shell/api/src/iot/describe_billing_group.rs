//! `DescribeBillingGroup`
use sekisho_types::BillingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    billing_group_name: BillingGroupName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let group = cores.registry.billing_group(&input.billing_group_name)?;
    let mut properties = json!({});
    if let Some(description) = &group.billing_group_description {
        properties["billingGroupDescription"] = json!(description);
    }
    Ok(json!({
        "billingGroupName": group.billing_group_name,
        "billingGroupId": group.billing_group_id,
        "billingGroupArn": cores.registry.billing_group_arn(&group.billing_group_name),
        "version": group.version,
        "billingGroupProperties": properties,
        "billingGroupMetadata": { "creationDate": group.creation_date.epoch_seconds() },
    }))
}
