//! `GetEffectivePolicies`
use sekisho_types::ThingName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::policies::no_cognito;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    principal: Option<String>,
    cognito_identity_pool_id: Option<String>,
    thing_name: Option<ThingName>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    no_cognito(input.cognito_identity_pool_id.as_deref())?;
    let registry = &app.state.read().registry;
    let found = registry.effective_policies(input.principal.as_deref(), input.thing_name.as_ref())?;
    let effective: Vec<_> = found
        .into_iter()
        .map(|policy| {
            json!({
                "policyName": policy.policy_name,
                "policyArn": registry.policy_arn(&policy.policy_name),
                "policyDocument": policy.default_version().document,
            })
        })
        .collect();
    Ok(json!({ "effectivePolicies": effective }))
}
