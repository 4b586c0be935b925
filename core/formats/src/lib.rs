//! Record formats: JSON records in, a Parquet file out.
//!
//! Receives a table's columns, options and records; hands on the file's bytes as they come, and of each record that cannot
//! be converted the reason. The same records under the same options make the same bytes. Knows neither streams nor tables.
mod failure; // why a record or a schema is refused
mod hive_type; // type strings of a table's columns
mod schema; // a table's columns, checked
mod options; // SerDe options, in and out
mod timestamp; // what text and numbers say of a moment
mod layout; // columns as Parquet's tree of optional and repeated nodes
mod leaf; // one leaf's values and levels, until its row group is written
mod scalar; // a JSON scalar as a column's value
mod record; // a JSON object into the leaves
mod converter; // records to a file

pub use converter::Converter;
pub use failure::{Failure, FailureCode, SchemaError};
pub use hive_type::HiveType;
pub use options::{JsonOptions, ParquetCompression, ParquetOptions, ParquetVersion};
pub use schema::{Column, Schema};
