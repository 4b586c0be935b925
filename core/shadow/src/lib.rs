//! Device shadows: what a device should be, what it says it is, and where the two differ (iot dev guide: "Device Shadow service").
//!
//! Receives the payloads of requests and the time; hands on events, and the documents that answer a request and tell of it. Knows
//! nothing of who may ask, nor of how a document reaches whom it is for.
mod document; // the documents, as they stand on topics and in answers
mod error; // refusals, in the service's words
mod members; // of an object, in a section
mod request; // payloads, parsed strictly
mod shadow; // one shadow: its sections, and an update of them
mod store; // all shadows: events, commands, limits
mod topic; // `$aws/things/…/shadow/…`
mod tree; // a section: every leaf with the time it was set

pub use document::Told;
pub use error::ShadowError;
pub use request::{CLIENT_TOKEN_BYTES_MAX, DEPTH_MAX, Rejected, STATE_BYTES_MAX, Update, client_token};
pub use shadow::Shadow;
pub use store::{BYTES_MAX, DELETED_MAX, Event, REMEMBERED, SHADOWS_MAX, Shadows};
pub use topic::{Method, ShadowTopic};

#[cfg(test)]
mod tests;
