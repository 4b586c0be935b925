//! Refusals in S3's words.
use sekisho_blobs::StoreError;
use sekisho_kms::KmsError;
use sekisho_objects::{ObjectsError, PART_BYTES_MIN, PostPolicyError};
use sekisho_types::with_causes;

use crate::ApiError;

/// `MalformedXML`
pub(super) fn malformed_xml() -> ApiError {
    ObjectsError::MalformedXml.into()
}

/// `InvalidArgument`, with the argument at fault.
pub(super) fn invalid_argument(message: &str, name: &str, value: &str) -> ApiError {
    ApiError::new(400, "InvalidArgument", message).with("ArgumentName", name).with("ArgumentValue", value)
}

/// A header that would change what is kept or done, and that this server does not know what to do with.
pub(super) fn header_not_implemented(header: &str) -> ApiError {
    let message = "A header you provided implies functionality that is not implemented";
    ApiError::new(501, "NotImplemented", message).with("Header", header)
}

impl From<ObjectsError> for ApiError {
    fn from(error: ObjectsError) -> Self {
        let message = error.to_string();
        match error {
            ObjectsError::NoSuchBucket(bucket) => {
                Self::new(404, "NoSuchBucket", message).with("BucketName", bucket.as_str())
            }
            ObjectsError::NoSuchKey(key) => Self::new(404, "NoSuchKey", message).with("Key", key.as_str()),
            ObjectsError::BucketAlreadyOwnedByYou(bucket) => {
                Self::new(409, "BucketAlreadyOwnedByYou", message).with("BucketName", bucket.as_str())
            }
            ObjectsError::ReservedBucketName(bucket) => {
                Self::new(400, "InvalidBucketName", message).with("BucketName", bucket.as_str())
            }
            ObjectsError::BucketNotEmpty(bucket) => {
                Self::new(409, "BucketNotEmpty", message).with("BucketName", bucket.as_str())
            }
            ObjectsError::PreconditionFailed(condition) => {
                Self::new(412, "PreconditionFailed", message).with("Condition", condition)
            }
            ObjectsError::MalformedXml => Self::new(400, "MalformedXML", message),
            ObjectsError::InvalidArgument { name, value, .. } => invalid_argument(&message, name, &value),
            ObjectsError::Deleted(key, version) => Self::new(404, "NoSuchKey", message)
                .with("Key", key.as_str())
                .header("x-amz-delete-marker", "true")
                .header("x-amz-version-id", version.to_string()),
            ObjectsError::NoSuchVersion(key, version) => Self::new(404, "NoSuchVersion", message)
                .with("Key", key.as_str())
                .with("VersionId", version.to_string()),
            ObjectsError::IsDeleteMarker(version) => Self::new(405, "MethodNotAllowed", message)
                .header("allow", "DELETE")
                .header("x-amz-delete-marker", "true")
                .header("x-amz-version-id", version.to_string()),
            ObjectsError::InvalidEncryptionAlgorithm(value) => {
                Self::new(400, "InvalidEncryptionAlgorithmError", message)
                    .with("ArgumentName", "x-amz-server-side-encryption")
                    .with("ArgumentValue", value)
            }
            ObjectsError::CustomerKeyMissing
            | ObjectsError::CustomerKeyNotApplicable
            | ObjectsError::PartKeyMissing
            | ObjectsError::PartKeyWrong
            | ObjectsError::PartChecksum { .. }
            | ObjectsError::WholeSize { .. }
            | ObjectsError::NotResealable(_) => Self::new(400, "InvalidRequest", message),
            ObjectsError::CustomerKeyWrong | ObjectsError::CustomerKeysBlocked => {
                Self::new(403, "AccessDenied", message)
            }
            ObjectsError::NoSuchUpload => Self::new(404, "NoSuchUpload", message),
            ObjectsError::InvalidPart(number) => {
                Self::new(400, "InvalidPart", message).with("PartNumber", number.to_string())
            }
            ObjectsError::InvalidPartOrder => Self::new(400, "InvalidPartOrder", message),
            ObjectsError::PartTooSmall { number, size } => Self::new(400, "EntityTooSmall", message)
                .with("ProposedSize", size.to_string())
                .with("MinSizeAllowed", PART_BYTES_MIN.to_string())
                .with("PartNumber", number.to_string()),
            ObjectsError::TooManyUploads => {
                Self::new(503, "SlowDown", "Please reduce your request rate.").because(message)
            }
            ObjectsError::WholeChecksum | ObjectsError::ChecksumType { .. } => Self::new(400, "BadDigest", message),
        }
    }
}

impl From<PostPolicyError> for ApiError {
    fn from(error: PostPolicyError) -> Self {
        let message = error.to_string();
        match error {
            PostPolicyError::Invalid(_) => Self::new(400, "InvalidPolicyDocument", message),
            PostPolicyError::Expired | PostPolicyError::Failed(_) | PostPolicyError::Extra(_) => {
                Self::new(403, "AccessDenied", message)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Objects(refusal) => refusal.into(),
            // The key's material is ours, not the caller's.
            StoreError::Kms(KmsError::Material(arn)) => Self::internal(KmsError::Material(arn)),
            StoreError::Kms(refusal) => Self::new(400, format!("KMS.{}Exception", refusal.code()), refusal.to_string()),
            StoreError::Checksum(algorithm) => Self::new(
                400,
                "BadDigest",
                format!("The {} you specified did not match the calculated checksum.", algorithm.as_str()),
            ),
            StoreError::ContentMd5 => {
                Self::new(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
            }
            StoreError::Io { ref source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::unavailable(with_causes(&error))
            }
            // The other store's, and it may do better in a moment: clients try a 503 again by themselves.
            StoreError::Elsewhere { .. } => Self::unavailable(with_causes(&error)),
            StoreError::Busy => Self::new(503, "SlowDown", "Please reduce your request rate.").because(error),
            StoreError::Damaged { .. } | StoreError::Io { .. } | StoreError::Journal(_) | StoreError::Ended => {
                Self::internal(with_causes(&error))
            }
        }
    }
}
