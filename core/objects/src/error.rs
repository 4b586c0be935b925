//! Why the object store refuses something. The API says each in S3's words.
use sekisho_types::{BucketName, ObjectKey};

/// Whose move it is: always the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectsError {
    /// `NoSuchBucket`
    #[error("The specified bucket does not exist")]
    NoSuchBucket(BucketName),
    /// `NoSuchKey`
    #[error("The specified key does not exist.")]
    NoSuchKey(ObjectKey),
    /// `BucketAlreadyOwnedByYou`
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketAlreadyOwnedByYou(BucketName),
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
    /// `NotImplemented`: an encryption mode not offered yet.
    #[error("{0} is not offered by this server yet")]
    NotOffered(&'static str),
}
