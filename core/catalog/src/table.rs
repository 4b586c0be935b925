//! A version of a table: its definition as its maker said it, and the columns in it.
use sekisho_formats::Column;
use sekisho_types::{Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::CatalogError;

/// A definition, as JSON. It goes into the journal with each change, and its columns with each batch that is converted.
pub(crate) const DEFINITION_BYTES_MAX: usize = 512 * 1024;
/// Members of `TableInput` that are kept and told.
#[rustfmt::skip]
const KEPT: [&str; 11] = [
    "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor", "PartitionKeys",
    "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters",
];

/// A version of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its database's name.
    pub database: String,
    /// Its name, in lower case.
    pub name: String,
    /// `VersionId`: 0, and one more with each change.
    pub version: u64,
    /// When the table was made.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
    /// `TableInput`, without the name.
    pub definition: Map<String, Value>,
}

/// Which version of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionWanted<'a> {
    /// The newest.
    Latest,
    /// The one of this `VersionId`.
    Id(&'a str),
}

impl<'a> VersionWanted<'a> {
    /// Reads a `VersionId` as a delivery stream has it: absent or `LATEST` is the newest.
    pub fn parse(text: Option<&'a str>) -> Self {
        match text {
            None | Some("LATEST") => Self::Latest,
            Some(id) => Self::Id(id),
        }
    }
}

impl Table {
    /// Reads a `TableInput` of a table in `database`.
    ///
    /// # Errors
    /// [`CatalogError::InvalidInput`], [`CatalogError::NotOffered`].
    pub(crate) fn parse(now: Timestamp, database: &str, given: &Value) -> Result<Self, CatalogError> {
        let (name, mut definition) = name_of(given, "TableInput")?;
        if let Some(other) = definition.keys().find(|member| !KEPT.contains(&member.as_str())) {
            return Err(CatalogError::NotOffered(format!("TableInput.{other}")));
        }
        if given.pointer("/StorageDescriptor/SchemaReference").is_some() {
            return Err(CatalogError::NotOffered("StorageDescriptor.SchemaReference".into()));
        }
        definition.entry("Retention").or_insert(json!(0));
        bytes_of(&definition)?;
        let database = database.to_owned();
        let table = Self { database, name, version: 0, created_at: now, updated_at: now, definition };
        let mut names: Vec<String> = table.columns().into_iter().map(|column| column.name).collect();
        names.extend(columns_of(table.definition.get("PartitionKeys")).map(|column| column.name));
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(CatalogError::InvalidInput(format!("Column `{}` is there twice", pair[0]))),
            None => Ok(table),
        }
    }

    /// The columns of its files. Partition keys are in the objects' keys, not in them.
    pub fn columns(&self) -> Vec<Column> {
        columns_of(self.definition.get("StorageDescriptor").and_then(|descriptor| descriptor.get("Columns"))).collect()
    }

    /// `Table`
    pub fn describe(&self, tenant: &Tenant) -> Value {
        let mut description = self.definition.clone();
        let mut put = |name: &str, value: Value| description.insert(name.to_owned(), value);
        put("Name", json!(self.name));
        put("DatabaseName", json!(self.database));
        put("CreateTime", json!(self.created_at.epoch_seconds()));
        put("UpdateTime", json!(self.updated_at.epoch_seconds()));
        put("CreatedBy", json!(format!("arn:aws:iam::{}:root", tenant.account)));
        put("IsRegisteredWithLakeFormation", json!(false));
        put("CatalogId", json!(tenant.account));
        put("VersionId", json!(self.version.to_string()));
        Value::Object(description)
    }
}

fn columns_of(list: Option<&Value>) -> impl Iterator<Item = Column> {
    let text = |column: &Value, member: &str| column.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    let column = move |column: &Value| Column { name: text(column, "Name"), type_text: text(column, "Type") };
    list.and_then(Value::as_array).into_iter().flatten().map(column)
}

/// The name of what an input defines, in lower case as Glue keeps it, and the rest of the input.
pub(crate) fn name_of(given: &Value, input: &str) -> Result<(String, Map<String, Value>), CatalogError> {
    let invalid = |problem: &str| CatalogError::InvalidInput(format!("{input}: {problem}"));
    let Value::Object(given) = given else { return Err(invalid("it is not an object")) };
    let mut definition = given.clone();
    let name = definition.shift_remove("Name");
    let name = name.as_ref().and_then(Value::as_str).filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| invalid("a name is required"))?.to_lowercase();
    definition.retain(|_, value| !value.is_null());
    Ok((name, definition))
}

/// How large a definition is.
pub(crate) fn bytes_of(definition: &Map<String, Value>) -> Result<usize, CatalogError> {
    let bytes = serde_json::to_vec(definition).map_or(usize::MAX, |text| text.len());
    match bytes > DEFINITION_BYTES_MAX {
        true => Err(CatalogError::InvalidInput(format!("A definition has at most {DEFINITION_BYTES_MAX} bytes"))),
        false => Ok(bytes),
    }
}
