//! CreateDatabase, GetDatabase, GetDatabases, UpdateDatabase, DeleteDatabase
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::page::Page;
use super::{commit, refuse};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    database_input: Value,
    #[serde(default)]
    tags: Map<String, Value>,
}

pub(super) async fn create(app: &App, input: Create) -> Result<Value, ApiError> {
    refuse(&[("Tags", !input.tags.is_empty())])?;
    let now = app.state.now();
    commit(app, |cores| cores.catalog.create_database(now, &input.database_input)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    name: String,
}

pub(super) fn get(app: &App, input: Named) -> Result<Value, ApiError> {
    let cores = app.state.read();
    Ok(json!({ "Database": cores.catalog.database(&input.name)?.describe(app.state.tenant()) }))
}

pub(super) fn list(app: &App, page: Page) -> Result<Value, ApiError> {
    let (cores, tenant) = (app.state.read(), app.state.tenant());
    page.of("DatabaseList", cores.catalog.databases().map(|found| (found.name.clone(), found.describe(tenant))))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Update {
    name: String,
    database_input: Value,
}

pub(super) async fn update(app: &App, input: Update) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit(app, |cores| cores.catalog.update_database(now, &input.name, &input.database_input)).await
}

pub(super) async fn delete(app: &App, input: Named) -> Result<Value, ApiError> {
    commit(app, |cores| cores.catalog.delete_database(&input.name)).await
}
