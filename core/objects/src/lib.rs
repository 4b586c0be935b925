//! The object store's decisions: buckets and their encryption, the index of objects, listings, and the sealed body format.
//!
//! Receives commands and bytes; hands on events, listings and sealed bytes. Knows no file and no HTTP.
mod checksum; // the digests S3 knows
mod condition; // If-Match and kin
mod encryption; // a bucket's default encryption, and which mode a put gets
mod error; // why a command is refused
mod event; // what can have happened
mod list; // ListObjects, both versions
mod range; // Range
mod record; // what is kept of an object beside its body
mod seal; // a body as it lies on the disk
mod store; // the fold: buckets and the index of their objects

pub use checksum::{Checksum, ChecksumAlgorithm, Digests};
pub use condition::{Conditions, Precondition, Verdict};
pub use encryption::{
    BucketEncryption, Chosen, Encryption, EncryptionRequest, MANAGED_KEY_ALIAS, MANAGED_KEY_DESCRIPTION, SseAlgorithm,
};
pub use error::ObjectsError;
pub use event::Event;
pub use list::{Listed, Listing, ListingRequest, MAX_KEYS};
pub use range::{Unsatisfiable, byte_range};
pub use record::{BlobId, Body, ObjectRecord};
pub use seal::{CHUNK_BYTES, Header, Opener, SealError, Sealer};
pub use store::{Bucket, Objects};
