//! `UpdateBillingGroup`
use sekisho_types::BillingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BillingGroupProperties, commit};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    billing_group_name: BillingGroupName,
    billing_group_properties: BillingGroupProperties,
    expected_version: Option<u64>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let description = input.billing_group_properties.billing_group_description;
    let updated = commit(app, |registry| {
        registry.update_billing_group(&input.billing_group_name, description, input.expected_version)
    });
    updated.await.map(|version| json!({ "version": version }))
}
