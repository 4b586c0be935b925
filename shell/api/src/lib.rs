//! The front of every AWS API: one listener, one folder per service, one file per operation.
//!
//! Receives HTTP requests; hands verified, bound and validated inputs to a service's handler; gives refusals each
//! protocol's own shape. An operation that is not offered is refused by name. Nothing is answered without a signature, or
//! a custom authorizer's word where devices may have one.
mod address; // bucket and key from host and path
mod app; // what every handler is given
mod auth; // SigV4 errors in each protocol's words
mod bind; // one JSON object from path, query, headers and body
mod body; // bodies of requests and answers
mod error; // a refusal, before any protocol gave it its shape
mod form_data; // forms as browsers send them
mod front; // one request: route, verify, bind, handle, render, log
mod generated; // `xtask gen` writes them
mod input; // what handlers deserialize with
mod pattern; // the models' regular expressions
mod custom; // requests for which a custom authorizer speaks
mod mqtt; // a request that goes on as MQTT over WebSocket
mod peer; // who is at the other end, and can others read along?
mod record; // what was called is recorded before it is answered
mod render; // answers and refusals in each protocol's shape
mod roles; // sessions of roles, and what they may do
mod route; // which operation is this?
mod s3_request; // what S3's handlers are given: verified plain bytes
mod serve; // the listener: connections, limits, shutdown
mod service; // the services and the protocol each speaks
mod table; // what the generated tables are made of
mod unverified; // bodies whose signature is still to be checked
mod wire; // what belongs to a connection
mod validate; // lengths, ranges, patterns, enumerations

mod firehose; // delivery streams
mod glue; // databases and tables
mod iot; // things, certificates, policies, rules
mod iot_data; // publish, retained messages, device shadows
mod kms; // keys
mod s3;
mod sts; // who am I?

#[cfg(test)]
mod testing; // a whole API on a directory of its own

pub use app::{App, BoxFuture, Publish, Settings};
pub use body::{Body, BodyError, empty, full, pieces};
pub use error::ApiError;
pub use input::{Blob, parse};
pub use peer::{Door, Peer};
pub use s3_request::S3Request;
pub use serve::{serve, serve_devices};
pub use service::{Protocol, Service};
pub use unverified::UnverifiedBodies;
pub use validate::Patterns;
