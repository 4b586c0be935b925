//! GetTableVersion, GetTableVersions, DeleteTableVersion
use sekisho_catalog::{CatalogError, Table, VersionWanted};
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use super::page::Page;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Version {
    database_name: String,
    table_name: String,
    version_id: Option<String>,
}

pub(super) fn get(app: &App, input: Version) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let wanted = VersionWanted::parse(input.version_id.as_deref());
    let table = cores.catalog.table(&input.database_name, &input.table_name, wanted)?;
    Ok(json!({ "TableVersion": show(app, table) }))
}

pub(super) async fn delete(app: &App, input: Version) -> Result<Value, ApiError> {
    let Some(version) = &input.version_id else {
        return Err(CatalogError::InvalidInput("VersionId is required".into()).into());
    };
    commit(app, |cores| cores.catalog.delete_table_version(&input.database_name, &input.table_name, version)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    database_name: String,
    table_name: String,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let versions = cores.catalog.versions(&input.database_name, &input.table_name)?;
    // The newest comes first; a token says how far down a page went.
    let place = |table: &Table| format!("{:020}", u64::MAX - table.version);
    input.page.of("TableVersions", versions.iter().rev().map(|table| (place(table), show(app, table))))
}

fn show(app: &App, table: &Table) -> Value {
    json!({ "Table": table.describe(app.state.tenant()), "VersionId": table.version.to_string() })
}
