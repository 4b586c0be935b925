//! CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant
use sekisho_kms::{GrantConstraints, Granted, KmsError, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::page;
use super::{commit, unless_dry_run, word};
use crate::{ApiError, App};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    key_id: String,
    grantee_principal: String,
    retiring_principal: Option<String>,
    operations: Vec<String>,
    constraints: Option<GrantConstraints>,
    name: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    key_id: String,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    limit: Option<usize>,
    marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListRetirable {
    retiring_principal: String,
    limit: Option<usize>,
    marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Retire {
    grant_token: Option<String>,
    key_id: Option<String>,
    grant_id: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Revoke {
    key_id: String,
    grant_id: String,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn create(app: &App, input: Create) -> Result<Value, ApiError> {
    let operations = input.operations.iter().map(|operation| word(Operation::parse, "Operation", operation));
    let granted = Granted {
        name: input.name,
        grantee_principal: input.grantee_principal,
        retiring_principal: input.retiring_principal,
        operations: operations.collect::<Result<_, KmsError>>()?,
        constraints: input.constraints,
    };
    let (now, mut random) = (app.state.now(), app.state.random());
    if input.dry_run {
        app.state.read().kms.create_grant(now, &input.key_id, granted, &mut random)?;
        return unless_dry_run(true, Value::Null);
    }
    let grant = commit(app, |cores| cores.kms.create_grant(now, &input.key_id, granted, &mut random)).await?;
    let token = grant.token(app.state.root_key(), &mut random);
    Ok(json!({ "GrantId": grant.id, "GrantToken": token }))
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    let (cores, tenant) = (app.state.read(), app.state.tenant());
    let (id, grantee) = (input.grant_id.as_deref(), input.grantee_principal.as_deref());
    let grants = cores.kms.list_grants(&input.key_id, id, grantee)?;
    let items = grants.map(|grant| (grant.id.clone(), grant.describe(tenant)));
    page("Grants", items, input.marker.as_deref(), input.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX))
}

pub(super) fn list_retirable(app: &App, input: ListRetirable) -> Result<Value, ApiError> {
    let (cores, tenant) = (app.state.read(), app.state.tenant());
    let principal = Some(input.retiring_principal);
    let grants = cores.kms.grants().filter(|grant| grant.granted.retiring_principal == principal);
    let items = grants.map(|grant| (format!("{} {}", grant.key_id, grant.id), grant.describe(tenant)));
    page("Grants", items, input.marker.as_deref(), input.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX))
}

pub(super) async fn retire(app: &App, input: Retire) -> Result<Value, ApiError> {
    let root_key = app.state.root_key();
    let command = |kms: &sekisho_kms::Kms| match (&input.grant_token, &input.key_id, &input.grant_id) {
        (Some(token), None, None) => kms.retire_grant(root_key, token),
        (None, Some(key), Some(id)) => kms.delete_grant(key, id),
        _ => Err(KmsError::Validation("A grant is named by GrantToken, or by KeyId and GrantId.".into())),
    };
    delete(app, input.dry_run, command).await
}

pub(super) async fn revoke(app: &App, input: Revoke) -> Result<Value, ApiError> {
    delete(app, input.dry_run, |kms| kms.delete_grant(&input.key_id, &input.grant_id)).await
}

async fn delete(
    app: &App,
    dry_run: bool,
    command: impl FnOnce(&sekisho_kms::Kms) -> Result<(Vec<sekisho_kms::Event>, ()), KmsError>,
) -> Result<Value, ApiError> {
    if dry_run {
        command(&app.state.read().kms)?;
        return unless_dry_run(true, Value::Null);
    }
    commit(app, |cores| command(&cores.kms)).await?;
    Ok(Value::Null)
}
