//! `ListPolicyVersions`: the newest first; five at most, so there are no pages.
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
    let versions = policy.versions.iter().rev().map(|version| {
        json!({
            "versionId": version.version_id.to_string(),
            "isDefaultVersion": version.version_id == policy.default_version_id,
            "createDate": version.creation_date.epoch_seconds(),
        })
    });
    Ok(json!({ "policyVersions": versions.collect::<Vec<_>>() }))
}
