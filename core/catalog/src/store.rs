//! The fold: every database and table of the account.
use std::collections::BTreeMap;

use sekisho_types::{Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::bytes_of;
use crate::{CatalogError, Database, Table, VersionWanted};

/// Databases of an account (Glue's quota is 10,000; each is in memory here).
const DATABASES_MAX: usize = 1_000;
/// Versions of a table. Glue's quota is 100,000; each is in memory here. And then: versions are deleted, or an update skips
/// the archive.
const VERSIONS_MAX: usize = 1_000;
/// Bytes of all definitions, since they are in memory and in every snapshot. And then: `ResourceNumberLimitExceededException`.
const CATALOG_BYTES_MAX: usize = if cfg!(test) { 4 } else { 64 } * 1024 * 1024;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A database is as it says from now on.
    DatabasePut {
        /// All of it.
        database: Box<Database>,
    },
    /// A database is gone, and its tables with it.
    DatabaseDeleted {
        /// Which.
        name: String,
    },
    /// A table has a further version, which is the newest; the first makes it.
    VersionAdded {
        /// All of it.
        table: Box<Table>,
    },
    /// A version of a table is gone.
    VersionDeleted {
        /// Whose database.
        database: String,
        /// Whose.
        table: String,
        /// Which.
        version: u64,
    },
    /// A table is gone, with all versions.
    TableDeleted {
        /// Whose.
        database: String,
        /// Which.
        table: String,
    },
}

/// Every database and table.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    tenant: Tenant,
    databases: BTreeMap<String, Database>,
    /// By database and name; versions ascend, and there is one at least.
    tables: BTreeMap<(String, String), Vec<Table>>,
    bytes: usize,
}

type Outcome = Result<Vec<Event>, CatalogError>;

impl Catalog {
    /// None yet.
    pub fn new(tenant: Tenant) -> Self {
        Self { tenant, databases: BTreeMap::new(), tables: BTreeMap::new(), bytes: 0 }
    }

    /// Whose it is.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::DatabasePut { database } => {
                self.bytes += size_of_database(database);
                if let Some(before) = self.databases.insert(database.name.clone(), (**database).clone()) {
                    self.bytes -= size_of_database(&before);
                }
            }
            Event::DatabaseDeleted { name } => {
                if let Some(before) = self.databases.remove(name) {
                    self.bytes -= size_of_database(&before);
                }
                let tables: Vec<_> = self.tables.keys().filter(|(database, _)| database == name).cloned().collect();
                tables.iter().for_each(|key| self.forget(key));
            }
            Event::VersionAdded { table } => {
                self.bytes += size_of_table(table);
                let key = (table.database.clone(), table.name.clone());
                self.tables.entry(key).or_default().push((**table).clone());
            }
            Event::VersionDeleted { database, table, version } => {
                let key = (database.clone(), table.clone());
                let Some(versions) = self.tables.get_mut(&key) else { return };
                for gone in versions.extract_if(.., |found| found.version == *version) {
                    self.bytes -= size_of_table(&gone);
                }
                if versions.is_empty() {
                    self.tables.remove(&key);
                }
            }
            Event::TableDeleted { database, table } => self.forget(&(database.clone(), table.clone())),
        }
    }

    fn forget(&mut self, key: &(String, String)) {
        let versions = self.tables.remove(key).unwrap_or_default();
        self.bytes -= versions.iter().map(size_of_table).sum::<usize>();
    }

    /// The shortest list of events that folds to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let databases =
            self.databases.values().map(|database| Event::DatabasePut { database: Box::new(database.clone()) });
        let versions =
            self.tables.values().flatten().map(|table| Event::VersionAdded { table: Box::new(table.clone()) });
        databases.chain(versions).collect()
    }

    /// Every database, by name.
    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.databases.values()
    }

    /// A database.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn database(&self, name: &str) -> Result<&Database, CatalogError> {
        let found = self.databases.get(&name.to_lowercase());
        found.ok_or_else(|| CatalogError::NotFound(format!("Database {name}")))
    }

    /// The newest version of every table of a database, by name.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn tables(&self, database: &str) -> Result<impl Iterator<Item = &Table>, CatalogError> {
        let database = self.database(database)?.name.clone();
        let from = (database.clone(), String::new());
        let of_database = self.tables.range(from..).take_while(move |((found, _), _)| *found == database);
        Ok(of_database.filter_map(|(_, versions)| versions.last()))
    }

    /// The versions of a table, the oldest first.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn versions(&self, database: &str, table: &str) -> Result<&[Table], CatalogError> {
        let key = (self.database(database)?.name.clone(), table.to_lowercase());
        let found = self.tables.get(&key).map(Vec::as_slice);
        found.ok_or_else(|| CatalogError::NotFound(format!("Table {table}")))
    }

    /// A version of a table.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn table(&self, database: &str, table: &str, wanted: VersionWanted<'_>) -> Result<&Table, CatalogError> {
        let versions = self.versions(database, table)?;
        let found = match wanted {
            VersionWanted::Latest => versions.last(),
            VersionWanted::Id(id) => versions.iter().find(|version| version.version.to_string() == id),
        };
        found.ok_or_else(|| CatalogError::NotFound("Version".into()))
    }

    /// CreateDatabase.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn create_database(&self, now: Timestamp, input: &Value) -> Outcome {
        let database = Database::parse(now, input)?;
        if self.databases.contains_key(&database.name) {
            return Err(CatalogError::Exists("Database"));
        }
        if self.databases.len() >= DATABASES_MAX {
            return Err(CatalogError::LimitExceeded(format!("A catalog has at most {DATABASES_MAX} databases")));
        }
        self.check_room(size_of_database(&database))?;
        Ok(vec![Event::DatabasePut { database: Box::new(database) }])
    }

    /// UpdateDatabase.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn update_database(&self, now: Timestamp, name: &str, input: &Value) -> Outcome {
        let before = self.database(name)?;
        let mut database = Database::parse(now, input)?;
        if database.name != before.name {
            return Err(CatalogError::NotOffered("Another name for a database".into()));
        }
        database.created_at = before.created_at;
        self.check_room(size_of_database(&database))?;
        Ok(vec![Event::DatabasePut { database: Box::new(database) }])
    }

    /// DeleteDatabase: its tables go with it.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_database(&self, name: &str) -> Outcome {
        Ok(vec![Event::DatabaseDeleted { name: self.database(name)?.name.clone() }])
    }

    /// CreateTable.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn create_table(&self, now: Timestamp, database: &str, input: &Value) -> Outcome {
        let database = &self.database(database)?.name;
        let table = Table::parse(now, database, input)?;
        if self.tables.contains_key(&(table.database.clone(), table.name.clone())) {
            return Err(CatalogError::Exists("Table"));
        }
        self.check_room(size_of_table(&table))?;
        Ok(vec![Event::VersionAdded { table: Box::new(table) }])
    }

    /// UpdateTable: a further version, over which the one before is kept unless `skip_archive`.
    ///
    /// # Errors
    /// [`CatalogError`].
    pub fn update_table(
        &self,
        now: Timestamp,
        database: &str,
        input: &Value,
        skip_archive: bool,
        expected: Option<&str>,
    ) -> Outcome {
        let database = &self.database(database)?.name;
        let table = Table::parse(now, database, input)?;
        let versions = self.versions(database, &table.name)?;
        let before = versions.last().expect("a table has a version");
        if let Some(given) = expected.filter(|given| *given != before.version.to_string()) {
            return Err(CatalogError::ConcurrentModification { given: given.into(), current: before.version });
        }
        if !skip_archive && versions.len() >= VERSIONS_MAX {
            return Err(CatalogError::LimitExceeded(format!("A table has at most {VERSIONS_MAX} versions")));
        }
        self.check_room(size_of_table(&table))?;
        let (version, created_at) = (before.version + 1, before.created_at);
        let added = Event::VersionAdded { table: Box::new(Table { version, created_at, ..table }) };
        Ok(match skip_archive {
            true => vec![deleted(before), added],
            false => vec![added],
        })
    }

    /// DeleteTable.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub fn delete_table(&self, database: &str, table: &str) -> Outcome {
        let found = self.table(database, table, VersionWanted::Latest)?;
        Ok(vec![Event::TableDeleted { database: found.database.clone(), table: found.name.clone() }])
    }

    /// DeleteTableVersion, of any but the newest.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], [`CatalogError::InvalidInput`].
    pub fn delete_table_version(&self, database: &str, table: &str, version: &str) -> Outcome {
        let found = self.table(database, table, VersionWanted::Id(version))?;
        match found == self.table(database, table, VersionWanted::Latest)? {
            true => Err(CatalogError::InvalidInput("The newest version of a table cannot be deleted".into())),
            false => Ok(vec![deleted(found)]),
        }
    }

    fn check_room(&self, more: usize) -> Result<(), CatalogError> {
        match self.bytes + more > CATALOG_BYTES_MAX {
            true => Err(CatalogError::LimitExceeded(format!(
                "A catalog's definitions have at most {CATALOG_BYTES_MAX} bytes"
            ))),
            false => Ok(()),
        }
    }
}

fn deleted(table: &Table) -> Event {
    Event::VersionDeleted { database: table.database.clone(), table: table.name.clone(), version: table.version }
}

/// What stands beside a definition, roughly: a table without any takes memory too.
const FIXED_BYTES: usize = 512;

fn size_of_database(database: &Database) -> usize {
    FIXED_BYTES + bytes_of(&database.definition).expect("a definition was measured before it was journaled")
}

fn size_of_table(table: &Table) -> usize {
    FIXED_BYTES + bytes_of(&table.definition).expect("a definition was measured before it was journaled")
}

#[cfg(test)]
mod tests {
    use sekisho_types::{AccountId, Region};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(5_000);

    fn empty() -> Catalog {
        let (account, region) = (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
        Catalog::new(Tenant { account, region })
    }

    fn apply(catalog: &mut Catalog, outcome: Outcome) {
        outcome.unwrap().iter().for_each(|event| catalog.apply(event));
    }

    fn input(name: &str, columns: &[(&str, &str)]) -> Value {
        let columns: Vec<Value> = columns.iter().map(|(name, text)| json!({"Name": name, "Type": text})).collect();
        json!({"Name": name, "StorageDescriptor": {"Columns": columns}, "PartitionKeys": [{"Name": "day", "Type": "string"}]})
    }

    fn filled() -> Catalog {
        let mut catalog = empty();
        let made = catalog.create_database(NOW, &json!({"Name": "Lake"}));
        apply(&mut catalog, made);
        let made = catalog.create_table(NOW, "lake", &input("Readings", &[("a", "int")]));
        apply(&mut catalog, made);
        let made =
            catalog.update_table(NOW, "lake", &input("readings", &[("a", "int"), ("b", "date")]), false, Some("0"));
        apply(&mut catalog, made);
        catalog
    }

    #[test]
    fn names_are_lower_case_and_versions_count_from_0() {
        let catalog = filled();
        let columns =
            |wanted| catalog.table("LAKE", "READINGS", wanted).map(|table| (table.version, table.columns().len()));
        assert_eq!(columns(VersionWanted::Latest), Ok((1, 2)));
        assert_eq!(columns(VersionWanted::parse(Some("LATEST"))), Ok((1, 2)));
        assert_eq!(columns(VersionWanted::Id("0")), Ok((0, 1)));
        assert_eq!(columns(VersionWanted::Id("7")), Err(CatalogError::NotFound("Version".into())));
        let described = catalog.table("lake", "readings", VersionWanted::Latest).unwrap().describe(catalog.tenant());
        assert_eq!((&described["Name"], &described["VersionId"]), (&json!("readings"), &json!("1")));
        assert_eq!(described["StorageDescriptor"]["Columns"][1], json!({"Name": "b", "Type": "date"}));
    }

    #[test]
    fn refused() {
        let catalog = filled();
        #[rustfmt::skip] // outcome                                                                               what it says
        let table = [
            (catalog.create_database(NOW, &json!({"Name": "LAKE"})),                                              "Database already exists."),
            (catalog.create_database(NOW, &json!({"Name": "d", "TargetDatabase": {}})),                           "DatabaseInput.TargetDatabase is not offered by this server yet"),
            (catalog.create_database(NOW, &json!({"Description": "d"})),                                          "DatabaseInput: a name is required"),
            (catalog.create_table(NOW, "absent", &input("t", &[])),                                               "Database absent not found."),
            (catalog.create_table(NOW, "lake", &input("readings", &[])),                                          "Table already exists."),
            (catalog.create_table(NOW, "lake", &input("t", &[("a", "int"), ("a", "int")])),                       "Column `a` is there twice"),
            (catalog.create_table(NOW, "lake", &input("t", &[("day", "int")])),                                   "Column `day` is there twice"),
            (catalog.create_table(NOW, "lake", &input("t", &[("a", &"x".repeat(600_000))])),                      "A definition has at most 524288 bytes"),
            (catalog.update_table(NOW, "lake", &input("absent", &[]), false, None),                               "Table absent not found."),
            (catalog.update_table(NOW, "lake", &input("readings", &[]), false, Some("0")),                        "Update table failed due to concurrent modifications: version `0` was given, the table has `1`"),
            (catalog.delete_table("lake", "absent"),                                                              "Table absent not found."),
            (catalog.delete_table_version("lake", "readings", "1"),                                               "The newest version of a table cannot be deleted"),
        ];
        for (outcome, said) in table {
            assert_eq!(outcome.unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn what_is_gone_takes_no_room_and_a_snapshot_folds_to_the_same() {
        let mut catalog = filled();
        let skipped = catalog.update_table(NOW, "lake", &input("readings", &[("c", "int")]), true, None);
        apply(&mut catalog, skipped);
        let versions: Vec<u64> =
            catalog.versions("lake", "readings").unwrap().iter().map(|table| table.version).collect();
        assert_eq!(versions, [0, 2]);
        let mut again = empty();
        for event in catalog.snapshot() {
            again.apply(&serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
        }
        assert_eq!(again, catalog);
        let gone = catalog.delete_table_version("lake", "readings", "0");
        apply(&mut catalog, gone);
        let gone = catalog.delete_database("lake");
        apply(&mut catalog, gone);
        assert_eq!(catalog, empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut catalog = filled();
        let large = input("large", &[("a", &"x".repeat(500_000))]);
        let made = catalog.create_table(NOW, "lake", &large);
        apply(&mut catalog, made);
        let refused = (0..1_000).find_map(|_| {
            let outcome = catalog.update_table(NOW, "lake", &large, false, None);
            outcome.map(|events| events.iter().for_each(|event| catalog.apply(event))).err()
        });
        assert!(matches!(refused, Some(CatalogError::LimitExceeded(_))));
        assert!(catalog.bytes <= CATALOG_BYTES_MAX);
    }
}
