//! `CreatePolicyVersion`
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
    policy_document: String,
    #[serde(default)]
    set_as_default: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    let (name, document, set_as_default) = (&input.policy_name, &input.policy_document, input.set_as_default);
    let version = commit(app, |registry| registry.create_policy_version(now, name, document, set_as_default)).await?;
    Ok(json!({
        "policyArn": app.state.read().registry.policy_arn(name),
        "policyDocument": version.document,
        "policyVersionId": version.version_id.to_string(),
        "isDefaultVersion": set_as_default,
    }))
}
