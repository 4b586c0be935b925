//! Object bodies, and the one way to put and get an object.
//!
//! Receives plaintext with the name it is to have; hands back what the index keeps of it, and the plaintext again. A body
//! is sealed before it touches a disk or leaves for another S3 (`docs/format/object.md`); an object is visible once body and index are durable.
mod bodies; // where bodies lie: files, memory, another S3
mod shelf; // a place of bodies, and which are in use
mod data_key; // the key of one body: made, wrapped, opened again
mod store; // begin, get, delete
mod upload; // a body on its way in
mod reader; // an object coming back
mod multipart; // objects that come in parts
mod reseal; // the same object under another key
mod lifecycle; // what has expired goes
mod verify; // that every body is what the index says
mod pins; // bodies being read stay
mod error; // whose move it is

pub use bodies::{Bodies, Directory, Elsewhere, Listing, Memory, NewBody, StoredBody, Told};
pub use error::StoreError;
pub use multipart::{NewMultipart, UploadName, upload_id};
pub use reader::Reader;
pub use shelf::Swept;
pub use store::{Got, NewObject, ObjectStore};
pub use upload::Upload;
pub use verify::{Fault, Verified, verify};

#[cfg(any(test, feature = "contract"))]
pub mod contract; // what every place for bodies promises

#[cfg(test)]
mod tests;
