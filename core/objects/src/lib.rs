//! The object store's decisions: buckets and their encryption, the index of objects, listings, and the sealed body format.
//!
//! Receives commands and bytes; hands on events, listings and sealed bytes. Knows no file and no HTTP.
mod checksum; // the digests S3 knows
mod condition; // If-Match and kin
mod cors; // what a browser may send
mod customer_key; // keys that customers bring
mod encryption; // a bucket's default encryption, and which mode a put gets
mod error; // why a command is refused
mod event; // what can have happened
mod id; // of bodies, versions and uploads
mod lifecycle; // what has expired
mod list; // ListObjects, ListObjectVersions
mod objects; // commands on objects and their versions
mod pairs; // a few names with values
mod post_policy; // what a form that uploads may say
mod range; // Range
mod record; // what is kept of an object beside its body
mod reseal; // the same object under another KMS key
mod seal; // a body as it lies on the disk
mod settings; // what a bucket is told beside its encryption
mod store; // the fold: buckets and the index of their objects
mod uploads; // objects that come in parts
mod version; // the versions of one key

pub use checksum::{Checksum, ChecksumAlgorithm, Digests};
pub use condition::{Conditions, Precondition, Verdict};
pub use cors::{Cors, CorsRule};
pub use customer_key::{CustomerKey, CustomerKeyCheck, CustomerKeyHeaders};
pub use encryption::{
    BucketEncryption, Chosen, Encryption, EncryptionRequest, MANAGED_KEY_ALIAS, MANAGED_KEY_DESCRIPTION, SseAlgorithm,
};
pub use error::ObjectsError;
pub use event::Event;
pub use id::{BlobId, UploadId, VersionId};
pub use lifecycle::{Expiration, Expired, Lifecycle, LifecycleFilter, LifecycleRule, NoncurrentExpiration};
pub use list::{Listed, Listing, ListingRequest, MAX_KEYS};
pub use objects::{Deleted, Deletion, Deletions, Found, NewVersion};
pub use pairs::Pairs;
pub use post_policy::{PostPolicy, PostPolicyError};
pub use range::{Unsatisfiable, byte_range};
pub use record::{Body, ObjectRecord};
pub use reseal::ToReseal;
pub use seal::{CHUNK_BYTES, DataKey, Header, Opener, SealError, Sealer};
pub use settings::{BucketSettings, Ownership, PublicAccessBlock, Setting};
pub use store::{Bucket, Objects};
pub use uploads::{
    CompletedPart, Completion, MULTIPART_UPLOADS_MAX, MultipartUpload, PART_BYTES_MIN, Part, UploadsPage,
    UploadsRequest,
};
pub use version::{Entry, Version, Versioning, Versions};
