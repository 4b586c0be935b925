//! `CreatePolicy`
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
    policy_document: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let arn = app.state.read().registry.policy_arn(&input.policy_name);
    let created = commit(app, |registry| {
        let (mut events, policy) =
            registry.create_policy(now, input.policy_name, &input.policy_document, &mut random)?;
        events.extend(registry.tagged(&arn, tag_map(input.tags))?);
        Ok((events, policy))
    });
    let policy = created.await?;
    let version = policy.default_version();
    Ok(json!({
        "policyName": policy.policy_name,
        "policyArn": arn,
        "policyDocument": version.document,
        "policyVersionId": version.version_id.to_string(),
    }))
}
