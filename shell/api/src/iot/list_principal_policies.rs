//! `ListPrincipalPolicies`: `ListAttachedPolicies` by its old name, the principal in a header.
use sekisho_registry::Policy;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    principal: String,
    marker: Option<String>,
    page_size: Option<usize>,
    #[serde(default)]
    ascending_order: bool,
}

/// By creation, the newest first unless asked otherwise (iot model: `ascendingOrder`).
pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let mut policies = cores.registry.policies_of_principal(&input.principal)?;
    policies.sort_by_key(|policy| (policy.creation_date, &policy.policy_name));
    if !input.ascending_order {
        policies.reverse();
    }
    let key = |policy: &&Policy| format!("{:020} {}", policy.creation_date.millis(), policy.policy_name);
    let (size, descending) = (input.page_size.unwrap_or(MARKER_PAGE), !input.ascending_order);
    let (policies, next) = page(policies.into_iter(), key, descending, input.marker.as_deref(), size)?;
    let policies = policies.into_iter().map(|policy| {
        json!({ "policyName": policy.policy_name, "policyArn": cores.registry.policy_arn(&policy.policy_name) })
    });
    let mut output = json!({ "policies": policies.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
