//! `GetPolicy`
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let policy = cores.registry.policy(&input.policy_name)?;
    Ok(json!({
        "policyName": policy.policy_name,
        "policyArn": cores.registry.policy_arn(&policy.policy_name),
        "policyDocument": policy.default_version().document,
        "defaultVersionId": policy.default_version_id.to_string(),
        "creationDate": policy.creation_date.epoch_seconds(),
        "lastModifiedDate": policy.last_modified_date.epoch_seconds(),
        "generationId": policy.generation_id,
    }))
}
