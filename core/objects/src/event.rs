//! What can have happened to buckets and objects. Kept for ever: only added to.
use sekisho_types::{BucketName, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Body, BucketEncryption, Encryption, MultipartUpload, ObjectRecord, Pairs, Part, Setting, UploadId, VersionId,
};

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
    /// A setting of a bucket is another one from now on.
    BucketSettingSet {
        /// Which.
        bucket: BucketName,
        /// Which setting, and what it is.
        setting: Setting,
    },
    /// An object is there, whole, from now on: the newest version of its key.
    ObjectPut {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// As which version, in place of one with the same id.
        #[serde(default, skip_serializing_if = "VersionId::is_null")]
        version: VersionId,
        /// What is kept of it.
        record: ObjectRecord,
    },
    /// The newest version of a key is that there is none.
    DeleteMarkerPut {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// As which version, in place of one with the same id.
        version: VersionId,
        /// When.
        at: Timestamp,
    },
    /// A version of an object is gone.
    ObjectDeleted {
        /// From which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Which version.
        #[serde(default, skip_serializing_if = "VersionId::is_null")]
        version: VersionId,
    },
    /// PutObjectTagging, DeleteObjectTagging.
    ObjectTagged {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Which version.
        version: VersionId,
        /// From now on.
        tags: Pairs,
    },
    /// The same object under another key of KMS.
    ObjectResealed {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Which version.
        version: VersionId,
        /// From now on.
        encryption: Encryption,
        /// The files it is in now.
        bodies: Box<[Body]>,
    },
    /// CreateMultipartUpload.
    UploadBegun {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Its id.
        id: UploadId,
        /// What the object is to be.
        upload: Box<MultipartUpload>,
    },
    /// UploadPart: in place of an earlier one of the same number.
    PartPut {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Of which upload.
        id: UploadId,
        /// 1 to 10,000.
        number: u16,
        /// What came.
        part: Part,
    },
    /// The upload was completed, which an `ObjectPut` beside this says, or given up.
    UploadEnded {
        /// In which bucket.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Which.
        id: UploadId,
    },
}
