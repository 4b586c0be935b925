//! `UpdateRoleAlias`
use sekisho_types::RoleAliasName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    role_alias: RoleAliasName,
    role_arn: Option<String>,
    credential_duration_seconds: Option<u32>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, Input { role_alias, role_arn, credential_duration_seconds }) = (app.state.now(), input);
    commit(app, |registry| registry.update_role_alias(now, &role_alias, role_arn, credential_duration_seconds)).await?;
    let arn = app.state.read().registry.role_alias_arn(&role_alias);
    Ok(json!({ "roleAlias": role_alias, "roleAliasArn": arn }))
}
