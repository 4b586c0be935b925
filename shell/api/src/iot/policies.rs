//! Policies as lists tell them.
use sekisho_registry::{Policy, Registry};
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::ApiError;

/// A page by creation, the newest first unless asked otherwise (iot model: `ascendingOrder`).
pub(super) fn by_creation(
    registry: &Registry,
    mut policies: Vec<&Policy>,
    ascending: bool,
    marker: Option<&str>,
    page_size: Option<usize>,
) -> Result<Value, ApiError> {
    policies.sort_by_key(|policy| (policy.creation_date, &policy.policy_name));
    if !ascending {
        policies.reverse();
    }
    let key = |policy: &&Policy| format!("{:020} {}", policy.creation_date.millis(), policy.policy_name);
    let (policies, next) = page(policies.into_iter(), key, !ascending, marker, page_size.unwrap_or(MARKER_PAGE))?;
    let policies = policies.into_iter().map(
        |policy| json!({ "policyName": policy.policy_name, "policyArn": registry.policy_arn(&policy.policy_name) }),
    );
    let mut output = json!({ "policies": policies.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
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
