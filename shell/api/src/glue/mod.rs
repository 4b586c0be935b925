//! Glue's Data Catalog: databases, tables and their versions, over the catalog's fold. The rest of Glue is refused by name.
mod databases;
mod page;
mod table_versions;
mod tables;

use sekisho_catalog::CatalogError;
use sekisho_state::{Cores, Event};
use serde_json::{Value, json};

use crate::{ApiError, App, parse};

/// Answers an operation.
pub(crate) async fn handle(app: &App, operation: &str, input: Value) -> Result<Value, ApiError> {
    check_catalog(app, &input)?;
    match operation {
        "CreateDatabase" => databases::create(app, parse(input)?).await,
        "CreateTable" => tables::create(app, parse(input)?).await,
        "DeleteDatabase" => databases::delete(app, parse(input)?).await,
        "DeleteTable" => tables::delete(app, parse(input)?).await,
        "DeleteTableVersion" => table_versions::delete(app, parse(input)?).await,
        "GetDatabase" => databases::get(app, parse(input)?),
        "GetDatabases" => databases::list(app, parse(input)?),
        "GetTable" => tables::get(app, parse(input)?),
        "GetTableVersion" => table_versions::get(app, parse(input)?),
        "GetTableVersions" => table_versions::list(app, parse(input)?),
        "GetTables" => tables::list(app, parse(input)?),
        "UpdateDatabase" => databases::update(app, parse(input)?).await,
        "UpdateTable" => tables::update(app, parse(input)?).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

/// There is one catalog: the account's, which is named by the account.
fn check_catalog(app: &App, input: &Value) -> Result<(), ApiError> {
    let account = app.state.tenant().account.as_str();
    match input.get("CatalogId").and_then(Value::as_str).filter(|given| *given != account) {
        Some(other) => Err(CatalogError::NotFound(format!("Catalog {other}")).into()),
        None => Ok(()),
    }
}

/// What would change what an operation does, and is not offered, is refused rather than passed over.
fn refuse(given: &[(&str, bool)]) -> Result<(), ApiError> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((member, _)) => Err(CatalogError::NotOffered((*member).into()).into()),
        None => Ok(()),
    }
}

/// Runs a command of the catalog's. Glue answers with nothing.
async fn commit(
    app: &App,
    command: impl FnOnce(&Cores) -> Result<Vec<sekisho_catalog::Event>, CatalogError>,
) -> Result<Value, ApiError> {
    let command = |cores: &Cores| {
        let events = command(cores)?;
        Ok::<_, CatalogError>((events.into_iter().map(Event::from).collect(), ()))
    };
    app.state.commit(command).await?;
    Ok(json!({}))
}

/// Glue's client errors are all 400.
impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        let code = match &error {
            CatalogError::NotFound(_) => "EntityNotFoundException",
            CatalogError::Exists(_) => "AlreadyExistsException",
            CatalogError::InvalidInput(_) | CatalogError::NotOffered(_) => "InvalidInputException",
            CatalogError::ConcurrentModification { .. } => "ConcurrentModificationException",
            CatalogError::LimitExceeded(_) => "ResourceNumberLimitExceededException",
        };
        Self::new(400, code, error.to_string())
    }
}
