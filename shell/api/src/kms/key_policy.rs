//! GetKeyPolicy, PutKeyPolicy, ListKeyPolicies
use sekisho_kms::KmsError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

/// The one name a key policy may have.
const NAME: &str = "default";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    key_id: String,
    policy_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Put {
    key_id: String,
    policy_name: Option<String>,
    policy: String,
    #[serde(default)]
    bypass_policy_lockout_safety_check: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    key_id: String,
}

pub(super) fn get(app: &App, input: Get) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = cores.kms.resolve_key(&input.key_id)?;
    if input.policy_name.is_some_and(|name| name != NAME) {
        return Err(ApiError::new(400, "NotFoundException", "No such policy exists"));
    }
    Ok(json!({ "Policy": key.policy_text(app.state.tenant()), "PolicyName": NAME }))
}

pub(super) async fn put(app: &App, input: Put) -> Result<Value, ApiError> {
    if input.policy_name.is_some_and(|name| name != NAME) {
        return Err(KmsError::Validation(format!("the one PolicyName is {NAME}")).into());
    }
    let bypass = input.bypass_policy_lockout_safety_check;
    commit(app, |cores| cores.kms.put_policy(&input.key_id, input.policy, bypass)).await?;
    Ok(Value::Null)
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    app.state.read().kms.resolve_key(&input.key_id)?;
    Ok(json!({ "PolicyNames": [NAME], "Truncated": false }))
}
