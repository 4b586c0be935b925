//! Policies as lists tell them.
use sekisho_registry::{Policy, Registry};
use serde_json::{Value, json};

use super::page::ByMarker;
use crate::ApiError;

/// A page by creation.
pub(super) fn by_creation(registry: &Registry, mut policies: Vec<&Policy>, page: &ByMarker) -> Result<Value, ApiError> {
    policies.sort_by_key(|policy| (policy.creation_date, &policy.policy_name));
    let key = |policy: &&Policy| format!("{:020} {}", policy.creation_date.millis(), policy.policy_name);
    let show = |policy: &Policy| json!({ "policyName": policy.policy_name, "policyArn": registry.policy_arn(&policy.policy_name) });
    page.answer("policies", policies.into_iter(), key, show)
}

/// There are no Cognito identities here, and so no policies of theirs.
pub(super) fn no_cognito(cognito_identity_pool_id: Option<&str>) -> Result<(), ApiError> {
    match cognito_identity_pool_id {
        None => Ok(()),
        Some(pool) => {
            let message = format!("Cognito identities are not offered: {pool} is no identity pool here");
            Err(ApiError::new(400, "InvalidRequestException", message))
        }
    }
}
