//! CreateTable, GetTable, GetTables, UpdateTable, DeleteTable
use regex::RegexBuilder;
use sekisho_catalog::{CatalogError, VersionWanted};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::Page;
use super::{commit, refuse};
use crate::{ApiError, App};

/// Bytes of a compiled `Expression`. One that needs more is refused.
const EXPRESSION_BYTES_MAX: usize = 256 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Write {
    database_name: String,
    table_input: Option<Value>,
    skip_archive: Option<bool>,
    version_id: Option<String>,
    partition_indexes: Option<Value>,
    transaction_id: Option<String>,
    open_table_format_input: Option<Value>,
    update_open_table_format_input: Option<Value>,
    view_update_action: Option<String>,
}

impl Write {
    fn definition(&self) -> Result<&Value, ApiError> {
        let indexes = self.partition_indexes.as_ref().and_then(Value::as_array);
        refuse(&[
            ("PartitionIndexes", indexes.is_some_and(|indexes| !indexes.is_empty())),
            ("TransactionId", self.transaction_id.is_some()),
            ("OpenTableFormatInput", self.open_table_format_input.is_some()),
            ("UpdateOpenTableFormatInput", self.update_open_table_format_input.is_some()),
            ("ViewUpdateAction", self.view_update_action.is_some()),
        ])?;
        Ok(self.table_input.as_ref().ok_or_else(|| CatalogError::InvalidInput("TableInput is required".into()))?)
    }
}

pub(super) async fn create(app: &App, input: Write) -> Result<Value, ApiError> {
    let (now, definition) = (app.state.now(), input.definition()?);
    commit(app, |cores| cores.catalog.create_table(now, &input.database_name, definition)).await
}

pub(super) async fn update(app: &App, input: Write) -> Result<Value, ApiError> {
    let (now, definition) = (app.state.now(), input.definition()?);
    let (skip, version) = (input.skip_archive.unwrap_or(false), input.version_id.as_deref());
    commit(app, |cores| cores.catalog.update_table(now, &input.database_name, definition, skip, version)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    database_name: String,
    name: String,
    transaction_id: Option<String>,
    query_as_of_time: Option<Value>,
}

impl Named {
    fn check(&self) -> Result<(), ApiError> {
        refuse(&[("TransactionId", self.transaction_id.is_some()), ("QueryAsOfTime", self.query_as_of_time.is_some())])
    }
}

pub(super) fn get(app: &App, input: Named) -> Result<Value, ApiError> {
    input.check()?;
    let cores = app.state.read();
    let table = cores.catalog.table(&input.database_name, &input.name, VersionWanted::Latest)?;
    Ok(json!({ "Table": table.describe(app.state.tenant()) }))
}

pub(super) async fn delete(app: &App, input: Named) -> Result<Value, ApiError> {
    input.check()?;
    commit(app, |cores| cores.catalog.delete_table(&input.database_name, &input.name)).await
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    database_name: String,
    expression: Option<String>,
    #[serde(flatten)]
    page: Page,
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    // `*` alone is any text, as Hive reads it; everything else is a regular expression over the whole name.
    let pattern = input.expression.filter(|text| !text.is_empty()).map(|text| {
        let text = text.replace(".*", "*").replace('*', ".*");
        RegexBuilder::new(&format!("^(?:{text})$")).size_limit(EXPRESSION_BYTES_MAX).build()
    });
    let pattern = pattern.transpose().map_err(|error| CatalogError::InvalidInput(format!("Expression: {error}")))?;
    let (cores, tenant) = (app.state.read(), app.state.tenant());
    let tables = cores.catalog.tables(&input.database_name)?;
    let wanted = tables.filter(|table| pattern.as_ref().is_none_or(|pattern| pattern.is_match(&table.name)));
    input.page.of("TableList", wanted.map(|table| (table.name.clone(), table.describe(tenant))))
}
