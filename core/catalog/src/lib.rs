//! The data catalog: databases and tables as AWS Glue keeps them, as far as a delivery stream needs a table's columns.
//!
//! Receives commands; hands on events, and to whoever converts records the columns of a table's version. Types are text here:
//! what cannot be converted is found out by whoever converts.
mod error; // why a command is refused
mod database; // a database
mod table; // a version of a table
mod store; // the fold: every database and table

pub use database::Database;
pub use error::CatalogError;
pub use store::{Catalog, Event};
pub use table::{Table, VersionWanted};
