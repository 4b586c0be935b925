//! A database: a name for tables, and what its maker said of it.
use sekisho_types::{Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::CatalogError;
use crate::table::{bytes_of, name_of};

/// Members of `DatabaseInput` that are kept and told.
const KEPT: [&str; 4] = ["Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions"];

/// A database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// Its name, in lower case.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// `DatabaseInput`, without the name.
    pub definition: Map<String, Value>,
}

impl Database {
    /// Reads a `DatabaseInput`.
    ///
    /// # Errors
    /// [`CatalogError::InvalidInput`], [`CatalogError::NotOffered`].
    pub(crate) fn parse(now: Timestamp, given: &Value) -> Result<Self, CatalogError> {
        let (name, mut definition) = name_of(given, "DatabaseInput")?;
        if let Some(other) = definition.keys().find(|member| !KEPT.contains(&member.as_str())) {
            return Err(CatalogError::NotOffered(format!("DatabaseInput.{other}")));
        }
        let defaults = json!([{
            "Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]
        }]);
        definition.entry("CreateTableDefaultPermissions").or_insert(defaults);
        bytes_of(&definition)?;
        Ok(Self { name, created_at: now, definition })
    }

    /// `Database`
    pub fn describe(&self, tenant: &Tenant) -> Value {
        let mut description = self.definition.clone();
        description.insert("Name".into(), json!(self.name));
        description.insert("CreateTime".into(), json!(self.created_at.epoch_seconds()));
        description.insert("CatalogId".into(), json!(tenant.account));
        Value::Object(description)
    }
}
