//! The record of API calls and key uses on the disk: append-only, a chain in a journal of its own (`docs/format/audit.md`).
//!
//! Receives what was called or opened, by whom and how it ended; hands back a place in the order, and says when it is
//! written. An answer is given only after its record is.
mod log; // the live record: append, wait, keep within bounds
mod read; // the record read back, every link checked

pub use log::{AuditError, AuditLog};
pub use read::verify;
pub use sekisho_chain::{Call, KeyUse, Link, Record, Verified};
