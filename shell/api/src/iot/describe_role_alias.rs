//! `DescribeRoleAlias`
use sekisho_types::RoleAliasName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub(super) role_alias: RoleAliasName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let found = cores.registry.role_alias(&input.role_alias)?;
    Ok(json!({ "roleAliasDescription": {
        "roleAlias": found.role_alias,
        "roleAliasArn": cores.registry.role_alias_arn(&found.role_alias),
        "roleArn": found.role_arn,
        "owner": app.state.tenant().account.as_str(),
        "credentialDurationSeconds": found.credential_duration_s,
        "creationDate": found.creation_date.epoch_seconds(),
        "lastModifiedDate": found.last_modified_date.epoch_seconds(),
    } }))
}
