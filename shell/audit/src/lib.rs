//! The record of API calls and key uses: append-only, each entry bound to the one before by its hash
//! (`docs/format/audit.md`).
//!
//! Receives what was called or opened, by whom and how it ended; hands back a place in the order, and says when it is
//! written. An answer is given only after its record is.
mod record; // what is told of a call or a key's use
mod chain; // each entry holds the hash of the one before
mod log; // the live record: append, wait, keep within bounds
mod read; // the record read back, every link checked

pub use chain::{Hash, Link};
pub use log::{AuditError, AuditLog};
pub use read::{Verified, verify};
pub use record::{Call, KeyUse, Record};
