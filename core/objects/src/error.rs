//! Why the object store refuses something. The API says each in S3's words.
use sekisho_types::{BucketName, ObjectKey};

use crate::{ChecksumAlgorithm, VersionId};

/// Whose move it is: always the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// `NoSuchBucket`
    #[error("The specified bucket does not exist")]
    NoSuchBucket(BucketName),
    /// `NoSuchKey`
    #[error("The specified key does not exist.")]
    NoSuchKey(ObjectKey),
    /// `NoSuchKey`: its newest version is a delete marker.
    #[error("The specified key does not exist.")]
    Deleted(ObjectKey, VersionId),
    /// `NoSuchVersion`
    #[error("The specified version does not exist.")]
    NoSuchVersion(ObjectKey, VersionId),
    /// `MethodNotAllowed`: the version asked for is a delete marker.
    #[error("The specified method is not allowed against this resource.")]
    IsDeleteMarker(VersionId),
    /// `BucketAlreadyOwnedByYou`
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou(BucketName),
    /// `InvalidBucketName`: one that nobody can have.
    #[error("The specified bucket is not valid.")]
    ReservedBucketName(BucketName),
    /// `BucketNotEmpty`
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty(BucketName),
    /// `PreconditionFailed`
    #[error("At least one of the pre-conditions you specified did not hold")]
    PreconditionFailed(&'static str),
    /// `MalformedXML`
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedXml,
    /// `InvalidArgument`
    #[error("{message}")]
    InvalidArgument {
        /// S3's words.
        message: String,
        /// The header or element at fault.
        name: &'static str,
        /// What it held.
        value: String,
    },
    /// `InvalidEncryptionAlgorithmError`
    #[error("The Encryption request you specified is not valid. Supported value: AES256.")]
    InvalidEncryptionAlgorithm(String),
    /// `InvalidRequest`: the object's key is the customer's, and none came.
    #[error(
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object."
    )]
    CustomerKeyMissing,
    /// `InvalidRequest`: a key came, and the object's is not the customer's.
    #[error("The encryption parameters are not applicable to this object.")]
    CustomerKeyNotApplicable,
    /// `AccessDenied`
    #[error(
        "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."
    )]
    CustomerKeyWrong,
    /// `AccessDenied`: new buckets block SSE-C.
    #[error(
        "The bucket blocks Server Side Encryption with Customer provided keys (SSE-C); PutBucketEncryption with BlockedEncryptionTypes NONE allows it"
    )]
    CustomerKeysBlocked,
    /// `InvalidRequest`: a part without the customer's key, or with one where the upload has none.
    #[error(
        "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters."
    )]
    PartKeyMissing,
    /// `InvalidRequest`: a part under another key than the upload's.
    #[error("The provided encryption parameters did not match the ones used originally.")]
    PartKeyWrong,
    /// `InvalidRequest`: re-encryption of what cannot be opened without the customer, or is not re-wrapped.
    #[error("The encryption of an object stored with {0} cannot be updated")]
    NotResealable(&'static str),
    /// `InvalidRequest`: a part's checksum is of another algorithm than the upload's.
    #[error(
        "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
        upload.as_str().to_lowercase(),
        part.as_str().to_lowercase()
    )]
    PartChecksum {
        /// What the upload began with.
        upload: ChecksumAlgorithm,
        /// What came.
        part: ChecksumAlgorithm,
    },
    /// `NoSuchUpload`
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload,
    /// `InvalidPart`
    #[error(
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart(u16),
    /// `InvalidPartOrder`
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    /// `EntityTooSmall`: a part that is not the last.
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    PartTooSmall {
        /// Its number.
        number: u16,
        /// Its bytes.
        size: u64,
    },
    /// Too many uploads are open.
    #[error("too many multipart uploads are open")]
    TooManyUploads,
    /// `InvalidRequest`: the whole has not as many bytes as were said at completion.
    #[error("The provided 'x-amz-mp-object-size' header value {claimed} does not match what was computed: {size}")]
    WholeSize {
        /// What was said.
        claimed: u64,
        /// What there is.
        size: u64,
    },
    /// `BadDigest`: the checksum is of another type than the upload's.
    #[error(
        "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
        if *.composite { "COMPOSITE" } else { "FULL_OBJECT" }
    )]
    ChecksumType {
        /// The upload's: of the parts' checksums.
        composite: bool,
    },
    /// `BadDigest`: the whole does not have the checksum given at completion.
    #[error("The checksum you specified did not match the calculated checksum.")]
    WholeChecksum,
}
