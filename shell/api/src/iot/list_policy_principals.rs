//! `ListPolicyPrincipals`: `ListTargetsForPolicy` by its old name, the policy in a header; certificates only.
use sekisho_registry::Certificate;
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
    marker: Option<String>,
    page_size: Option<usize>,
    #[serde(default)]
    ascending_order: bool,
}

/// By creation, the newest first unless asked otherwise (iot model: `ascendingOrder`).
pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let mut found = cores.registry.principals_of_policy(&input.policy_name)?;
    found.sort_by_key(|found| (found.creation_date, found.certificate_id));
    if !input.ascending_order {
        found.reverse();
    }
    let key = |found: &&Certificate| format!("{:020} {}", found.creation_date.millis(), found.certificate_id);
    let (size, descending) = (input.page_size.unwrap_or(MARKER_PAGE), !input.ascending_order);
    let (found, next) = page(found.into_iter(), key, descending, input.marker.as_deref(), size)?;
    let principals = found.into_iter().map(|found| cores.registry.certificate_arn(found.certificate_id));
    let mut output = json!({ "principals": principals.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
