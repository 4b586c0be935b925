//! JSON as text: checked once from end to end, read where a program asks, never turned into a tree.
mod fields; // which members a program reads, and where they are in a payload
mod scan; // the grammar (RFC 8259)
mod text; // a value that has been checked, as its text
mod write; // compact copies, quoted strings

pub(crate) use fields::{FieldId, Fields, Found};
pub(crate) use scan::check;
pub use scan::{JSON_DEPTH_MAX, JsonError};
pub(crate) use text::{Kind, elements, kind, members, unquoted};
pub(crate) use write::{write_compact, write_quoted};
