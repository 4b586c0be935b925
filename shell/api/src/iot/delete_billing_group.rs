//! `DeleteBillingGroup`
use sekisho_types::BillingGroupName;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    billing_group_name: BillingGroupName,
    expected_version: Option<u64>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.delete_billing_group(&input.billing_group_name, input.expected_version)).await
}
