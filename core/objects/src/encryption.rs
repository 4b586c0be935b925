//! A bucket's default encryption, and which mode a put gets (S3 user guide: "Protecting data with encryption").
use std::collections::BTreeMap;

use sekisho_types::{BucketName, ObjectKey};
use serde::{Deserialize, Serialize};

use crate::ObjectsError;

/// The AWS managed key that seals where `aws:kms` is asked for without a key; made when first used.
pub const MANAGED_KEY_ALIAS: &str = "alias/aws/s3";
/// What DescribeKey says of it.
pub const MANAGED_KEY_DESCRIPTION: &str = "Default key that protects my S3 objects when no other key is defined";

/// `SSEAlgorithm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SseAlgorithm {
    /// SSE-S3: the floor for every object.
    #[default]
    #[serde(rename = "AES256")]
    Aes256,
    /// SSE-KMS.
    #[serde(rename = "aws:kms")]
    AwsKms,
}

impl SseAlgorithm {
    /// As headers and XML spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::AwsKms => "aws:kms",
        }
    }

    /// Parses what a header or an element holds.
    ///
    /// # Errors
    /// [`ObjectsError::NotOffered`] for DSSE-KMS, [`ObjectsError::InvalidArgument`] for what S3 does not know.
    pub fn parse(text: &str) -> Result<Self, ObjectsError> {
        match text {
            "AES256" => Ok(Self::Aes256),
            "aws:kms" => Ok(Self::AwsKms),
            "aws:kms:dsse" => Err(ObjectsError::NotOffered("DSSE-KMS (aws:kms:dsse)")),
            other => Err(ObjectsError::InvalidArgument {
                message: "The encryption method specified is not supported".into(),
                name: "x-amz-server-side-encryption",
                value: other.into(),
            }),
        }
    }
}

/// The one rule of a bucket's `ServerSideEncryptionConfiguration`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketEncryption {
    /// `SSEAlgorithm`
    pub algorithm: SseAlgorithm,
    /// `KMSMasterKeyID` as it was given; the AWS managed key where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// `BucketKeyEnabled`
    #[serde(default)]
    pub bucket_key_enabled: bool,
}

impl BucketEncryption {
    /// Checks a configuration.
    ///
    /// # Errors
    /// [`ObjectsError::InvalidArgument`] if AES256 comes with a key.
    pub fn check(&self) -> Result<(), ObjectsError> {
        match (self.algorithm, &self.kms_key) {
            (SseAlgorithm::Aes256, Some(key)) => Err(ObjectsError::InvalidArgument {
                message:
                    "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse"
                        .into(),
                name: "ApplyServerSideEncryptionByDefault",
                value: key.clone(),
            }),
            _ => Ok(()),
        }
    }
}

/// What a put's headers say of encryption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncryptionRequest {
    /// `x-amz-server-side-encryption`
    pub algorithm: Option<SseAlgorithm>,
    /// `…-aws-kms-key-id`
    pub kms_key: Option<String>,
    /// `…-bucket-key-enabled`
    pub bucket_key_enabled: Option<bool>,
    /// `…-context`, decoded
    pub context: BTreeMap<String, String>,
}

/// How an object is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// Its data key is wrapped by the store's own key.
    S3,
    /// Its data key is wrapped by a KMS key.
    Kms {
        /// The full ARN.
        key_arn: String,
        /// Whether a bucket key was asked for. It changes the encryption context and nothing else here.
        bucket_key: bool,
        /// The caller's pairs.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        context: BTreeMap<String, String>,
    },
}

impl Encryption {
    /// The mode.
    pub const fn algorithm(&self) -> SseAlgorithm {
        match self {
            Self::S3 => SseAlgorithm::Aes256,
            Self::Kms { .. } => SseAlgorithm::AwsKms,
        }
    }

    /// The encryption context KMS is given: the caller's pairs and `aws:s3:arn`, the object's or, with a bucket key, the
    /// bucket's.
    pub fn kms_context(
        context: &BTreeMap<String, String>,
        bucket_key: bool,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> BTreeMap<String, String> {
        let arn = if bucket_key { format!("arn:aws:s3:::{bucket}") } else { format!("arn:aws:s3:::{bucket}/{key}") };
        let mut context = context.clone();
        context.insert("aws:s3:arn".into(), arn);
        context
    }
}

/// What a put is to be: the request's headers over the bucket's default. `kms_key` `None` is the AWS managed key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The mode.
    pub algorithm: SseAlgorithm,
    /// The key as it was given.
    pub kms_key: Option<String>,
    /// Whether a bucket key is on.
    pub bucket_key: bool,
}

impl BucketEncryption {
    /// Chooses the mode of a put.
    ///
    /// # Errors
    /// [`ObjectsError::InvalidArgument`] if a key comes without `aws:kms`.
    pub fn choose(&self, request: &EncryptionRequest) -> Result<Chosen, ObjectsError> {
        match request.algorithm {
            None if request.kms_key.is_some() => Err(ObjectsError::InvalidArgument {
                message: "The header x-amz-server-side-encryption-aws-kms-key-id requires x-amz-server-side-encryption aws:kms"
                    .into(),
                name: "x-amz-server-side-encryption-aws-kms-key-id",
                value: request.kms_key.clone().unwrap_or_default(),
            }),
            Some(SseAlgorithm::Aes256) if request.kms_key.is_some() => Err(ObjectsError::InvalidArgument {
                message: "x-amz-server-side-encryption AES256 takes no KMS key".into(),
                name: "x-amz-server-side-encryption",
                value: "AES256".into(),
            }),
            None => Ok(Chosen {
                algorithm: self.algorithm,
                kms_key: self.kms_key.clone(),
                bucket_key: request.bucket_key_enabled.unwrap_or(self.bucket_key_enabled),
            }),
            Some(algorithm) => Ok(Chosen {
                algorithm,
                kms_key: request.kms_key.clone(),
                bucket_key: algorithm == SseAlgorithm::AwsKms
                    && request.bucket_key_enabled.unwrap_or(self.bucket_key_enabled),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default(algorithm: SseAlgorithm, key: Option<&str>) -> BucketEncryption {
        BucketEncryption { algorithm, kms_key: key.map(str::to_owned), bucket_key_enabled: false }
    }

    #[test]
    fn a_put_gets_its_headers_else_the_buckets_default() {
        use SseAlgorithm::{Aes256, AwsKms};
        let ask = |algorithm, key: Option<&str>| EncryptionRequest {
            algorithm,
            kms_key: key.map(str::to_owned),
            ..Default::default()
        };
        #[rustfmt::skip] // bucket default         headers                      mode, key
        let table = [
            (default(Aes256, None),       ask(None, None),             Some((Aes256, None))),
            (default(AwsKms, Some("k")),  ask(None, None),             Some((AwsKms, Some("k")))),
            (default(AwsKms, Some("k")),  ask(Some(Aes256), None),     Some((Aes256, None))),
            (default(AwsKms, Some("k")),  ask(Some(AwsKms), None),     Some((AwsKms, None))), // the managed key, not the bucket's
            (default(Aes256, None),       ask(Some(AwsKms), Some("j")), Some((AwsKms, Some("j")))),
            (default(Aes256, None),       ask(None, Some("j")),        None),
            (default(Aes256, None),       ask(Some(Aes256), Some("j")), None),
        ];
        for (bucket, request, expected) in table {
            let chosen = bucket.choose(&request).ok().map(|chosen| (chosen.algorithm, chosen.kms_key));
            assert_eq!(chosen, expected.map(|(mode, key)| (mode, key.map(str::to_owned))), "{bucket:?} {request:?}");
        }
    }

    #[test]
    fn a_key_goes_with_kms_only() {
        assert!(default(SseAlgorithm::Aes256, Some("k")).check().is_err());
        assert!(default(SseAlgorithm::AwsKms, None).check().is_ok());
        assert_eq!(SseAlgorithm::parse("aws:kms:dsse"), Err(ObjectsError::NotOffered("DSSE-KMS (aws:kms:dsse)")));
        assert!(SseAlgorithm::parse("ROT13").is_err());
    }
}
