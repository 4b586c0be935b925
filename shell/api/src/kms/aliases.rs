//! CreateAlias, UpdateAlias, DeleteAlias, ListAliases
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use super::page::page;
use crate::{ApiError, App};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Put {
    alias_name: String,
    target_key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete {
    alias_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    key_id: Option<String>,
    limit: Option<usize>,
    marker: Option<String>,
}

pub(super) async fn create(app: &App, input: Put) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit(app, |cores| cores.kms.create_alias(now, &input.alias_name, &input.target_key_id)).await?;
    Ok(Value::Null)
}

pub(super) async fn update(app: &App, input: Put) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit(app, |cores| cores.kms.update_alias(now, &input.alias_name, &input.target_key_id)).await?;
    Ok(Value::Null)
}

pub(super) async fn delete(app: &App, input: Delete) -> Result<Value, ApiError> {
    commit(app, |cores| cores.kms.delete_alias(&input.alias_name)).await?;
    Ok(Value::Null)
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let of = input.key_id.as_deref().map(|key| cores.kms.resolve_key(key)).transpose()?;
    let aliases = cores.kms.aliases().filter(|alias| of.is_none_or(|key| key.key_id == alias.target));
    let items = aliases.map(|alias| {
        let item = json!({
            "AliasName": alias.name,
            "AliasArn": app.state.tenant().arn("kms", &alias.name),
            "TargetKeyId": alias.target,
            "CreationDate": alias.created_at.epoch_seconds(),
            "LastUpdatedDate": alias.updated_at.epoch_seconds(),
        });
        (alias.name.clone(), item)
    });
    page("Aliases", items, input.marker.as_deref(), input.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX))
}
