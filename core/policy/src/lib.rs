//! IoT policies: may this device do this?
//!
//! Receives a `DeviceIdentity` and an action; hands on a [`Permit`]. Knows nothing of connections or storage.
mod condition; // IAM condition operators
mod context; // what is known about a request: the values of variables and keys
mod document; // JSON → statements, checked once
mod evaluate; // explicit deny > allow > implicit deny
mod pattern; // wildcards, escapes and ${variables} in a resource
mod permit; // actions, and the proof that one was allowed
mod session; // the same decisions, remembered for one connection

pub use context::{Context, ThingContext};
pub use document::{DOCUMENT_CHARS_MAX, MalformedPolicy, PolicyDocument, PolicySet};
pub use evaluate::{Denied, authorize, authorize_operator};
pub use permit::{Action, Connect, Permit, Publish, Receive, RetainPublish, Subscribe};
pub use session::{MEMO_ENTRIES_MAX, SessionPolicy};
