//! Why KMS refuses something. `Display` is AWS's message; [`KmsError::code`] its name.

/// Always the caller's move, but for [`KmsError::Material`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// Not an id, an ARN or an alias.
    #[error("Invalid keyId '{0}'")]
    InvalidKeyId(String),
    /// Shaped like one, and not there.
    #[error("Key '{0}' does not exist")]
    KeyNotFound(String),
    /// Of another region.
    #[error("Invalid arn {0}")]
    InvalidArn(String),
    /// No such alias.
    #[error("Alias {0} is not found.")]
    AliasNotFound(String),
    /// The key is disabled.
    #[error("{0} is disabled.")]
    Disabled(String),
    /// The key is about to be deleted.
    #[error("{0} is pending deletion.")]
    PendingDeletion(String),
    /// The key waits for its material.
    #[error("{0} is pending import.")]
    PendingImport(String),
    /// CancelKeyDeletion of a key that is not.
    #[error("{0} is not pending deletion.")]
    NotPendingDeletion(String),
    /// Damaged, foreign, or with another encryption context. AWS says no more.
    #[error("")]
    InvalidCiphertext,
    /// The ciphertext is another key's.
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    /// The key has another usage, or another algorithm.
    #[error("{0}")]
    KeyUsage(String),
    /// Not a signature of this message by this key. AWS says no more.
    #[error("")]
    InvalidSignature,
    /// Not the code of this message under this key. AWS says no more.
    #[error("")]
    InvalidMac,
    /// Not for keys of this type.
    #[error("{0}")]
    Unsupported(String),
    /// In no state for this.
    #[error("{0}")]
    InvalidState(String),
    /// As many as there may be.
    #[error("{0}")]
    Limit(String),
    /// Not an ARN of IAM or STS.
    #[error("ARN does not refer to a valid principal: {0}")]
    Principal(String),
    /// Not shaped like a grant's id.
    #[error("Invalid grant id '{0}'")]
    InvalidGrantId(String),
    /// No such grant of this key.
    #[error("Grant ID {0} not found")]
    GrantNotFound(String),
    /// Not a token of a grant that is there.
    #[error("The grant token is not valid.")]
    InvalidGrantToken,
    /// Not of this key, or changed.
    #[error("The import token is not valid for this KMS key.")]
    InvalidImportToken,
    /// Older than a day.
    #[error("The import token has expired.")]
    ExpiredImportToken,
    /// Not of the key's spec, or not what it had before.
    #[error("The key material is not valid for this KMS key, or not the material that was imported before.")]
    IncorrectKeyMaterial,
    /// A value out of bounds.
    #[error("{0}")]
    Validation(String),
    /// Known to AWS, and not offered here.
    #[error("{0} is not offered by this server yet")]
    NotOffered(String),
    /// The alias is taken.
    #[error("An alias with the name {0} already exists")]
    AliasExists(String),
    /// `alias/aws/…` is AWS's.
    #[error("Alias {0} is reserved")]
    AliasReserved(String),
    /// An AWS managed key.
    #[error("{0} is an AWS managed key; it cannot be changed")]
    Managed(String),
    /// Tags.
    #[error("{0}")]
    Tag(&'static str),
    /// Neither the key's policy nor a grant lets them, or the policy denies it.
    #[error(
        "User: {principal} is not authorized to perform: kms:{action} on resource: {resource} because no resource-based policy allows the kms:{action} action"
    )]
    AccessDenied {
        /// Who.
        principal: String,
        /// What, without `kms:`.
        action: String,
        /// The key's ARN.
        resource: String,
    },
    /// A policy that is not one.
    #[error("{0}")]
    MalformedPolicy(String),
    /// Our move: key material does not open under the root key.
    #[error("the material of {0} does not open")]
    Material(String),
}

impl KmsError {
    /// AWS's name, without `Exception`. S3 says the same names with `KMS.` before them.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidKeyId(_)
            | Self::KeyNotFound(_)
            | Self::InvalidArn(_)
            | Self::AliasNotFound(_)
            | Self::GrantNotFound(_) => "NotFound",
            Self::Principal(_) => "InvalidArn",
            Self::InvalidGrantId(_) => "InvalidGrantId",
            Self::InvalidGrantToken => "InvalidGrantToken",
            Self::Disabled(_) => "Disabled",
            Self::PendingDeletion(_) | Self::PendingImport(_) | Self::NotPendingDeletion(_) | Self::InvalidState(_) => {
                "KMSInvalidState"
            }
            Self::InvalidImportToken => "InvalidImportToken",
            Self::ExpiredImportToken => "ExpiredImportToken",
            Self::IncorrectKeyMaterial => "IncorrectKeyMaterial",
            Self::Limit(_) => "LimitExceeded",
            Self::InvalidCiphertext => "InvalidCiphertext",
            Self::IncorrectKey => "IncorrectKey",
            Self::Validation(_) => "Validation",
            Self::KeyUsage(_) => "InvalidKeyUsage",
            Self::InvalidSignature => "KMSInvalidSignature",
            Self::InvalidMac => "KMSInvalidMac",
            Self::NotOffered(_) | Self::Unsupported(_) => "UnsupportedOperation",
            Self::AliasExists(_) => "AlreadyExists",
            Self::AliasReserved(_) => "NotAuthorized",
            Self::Managed(_) | Self::AccessDenied { .. } => "AccessDenied",
            Self::Tag(_) => "Tag",
            Self::MalformedPolicy(_) => "MalformedPolicyDocument",
            Self::Material(_) => "KMSInternal",
        }
    }
}
