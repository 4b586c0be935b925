//! What can have happened to buckets and objects. Kept for ever: only added to.
use sekisho_types::{BucketName, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{BucketEncryption, ObjectRecord};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// CreateBucket.
    BucketCreated {
        /// Which.
        bucket: BucketName,
        /// When.
        at: Timestamp,
    },
    /// DeleteBucket.
    BucketDeleted {
        /// Which.
        bucket: BucketName,
    },
    /// PutBucketEncryption, DeleteBucketEncryption.
    BucketEncryptionSet {
        /// Which.
        bucket: BucketName,
        /// From now on.
        encryption: BucketEncryption,
    },
    /// An object is there, whole, from now on.
    ObjectPut {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// What is kept of it.
        record: ObjectRecord,
    },
    /// An object is gone.
    ObjectDeleted {
        /// From which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
    },
}
