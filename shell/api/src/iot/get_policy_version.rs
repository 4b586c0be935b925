//! `GetPolicyVersion`
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
    policy_version_id: String,
}

impl Input {
    /// The version's number; what is no number names no version that exists.
    pub(super) fn version_id(&self) -> u32 {
        self.policy_version_id.parse().unwrap_or(0)
    }

    /// The policy's name.
    pub(super) fn policy_name(&self) -> &PolicyName {
        &self.policy_name
    }
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let policy = cores.registry.policy(&input.policy_name)?;
    let version = policy.version(input.version_id())?;
    Ok(json!({
        "policyArn": cores.registry.policy_arn(&policy.policy_name),
        "policyName": policy.policy_name,
        "policyDocument": version.document,
        "policyVersionId": version.version_id.to_string(),
        "isDefaultVersion": version.version_id == policy.default_version_id,
        "creationDate": version.creation_date.epoch_seconds(),
        "lastModifiedDate": version.creation_date.epoch_seconds(),
        "generationId": policy.generation_id,
    }))
}
