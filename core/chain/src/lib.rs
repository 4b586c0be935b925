//! The record of API calls and key uses as a chain: what an entry says, and that each holds the hash of the one before
//! (`docs/format/audit.md`).
//!
//! Receives what was called or opened, and entries read back; hands on entries to write, and whether those read follow one another.
mod record; // what is told of a call or a key's use
mod link; // an entry by its number and hash
mod chain; // entries made, and followed

pub use chain::{Chain, ChainError, Verified};
pub use link::{Hash, Link, NotALink};
pub use record::{Call, Dropped, KeyUse, Record};
