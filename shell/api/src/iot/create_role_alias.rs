//! `CreateRoleAlias`
use sekisho_types::RoleAliasName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    role_alias: RoleAliasName,
    role_arn: String,
    credential_duration_seconds: Option<u32>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    let Input { role_alias, role_arn, credential_duration_seconds, tags } = input;
    let arn = app.state.read().registry.role_alias_arn(&role_alias);
    let made = commit(app, |registry| {
        let (mut events, made) = registry.create_role_alias(now, role_alias, role_arn, credential_duration_seconds)?;
        events.extend(registry.tagged(&arn, tag_map(tags))?);
        Ok((events, made))
    });
    Ok(json!({ "roleAlias": made.await?.role_alias, "roleAliasArn": arn }))
}
