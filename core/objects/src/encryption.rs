//! A bucket's default encryption, and which mode a put gets (S3 user guide: "Protecting data with encryption").
use std::collections::BTreeMap;

use sekisho_types::{BucketName, ObjectKey};
use serde::{Deserialize, Serialize};

use crate::{CustomerKey, CustomerKeyCheck, ObjectsError, Pairs};

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
    /// DSSE-KMS: two layers, each under a key of its own.
    #[serde(rename = "aws:kms:dsse")]
    AwsKmsDsse,
}

impl SseAlgorithm {
    /// As headers and XML spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::AwsKms => "aws:kms",
            Self::AwsKmsDsse => "aws:kms:dsse",
        }
    }

    /// Parses what a header or an element holds.
    ///
    /// # Errors
    /// [`ObjectsError::InvalidArgument`] for what S3 does not know.
    pub fn parse(text: &str) -> Result<Self, ObjectsError> {
        match text {
            "AES256" => Ok(Self::Aes256),
            "aws:kms" => Ok(Self::AwsKms),
            "aws:kms:dsse" => Ok(Self::AwsKmsDsse),
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
    /// `BlockedEncryptionTypes` says `NONE`: customers may bring keys of their own. New buckets block that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub customer_keys_allowed: bool,
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
    /// `…-customer-key`
    pub customer: Option<CustomerKey>,
}

/// How an object is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encryption {
    /// Its data key is wrapped by the store's own key.
    S3,
    /// Its data key is wrapped by a KMS key.
    Kms {
        /// The full ARN.
        key_arn: Box<str>,
        /// Whether a bucket key was asked for. It changes the encryption context and nothing else here.
        bucket_key: bool,
        /// The caller's pairs.
        #[serde(default, skip_serializing_if = "Pairs::is_empty")]
        context: Pairs,
    },
    /// Two layers: the data key of the inner one is wrapped by a KMS key, that of the outer one by the store's own.
    Dsse {
        /// The full ARN.
        key_arn: Box<str>,
        /// The caller's pairs.
        #[serde(default, skip_serializing_if = "Pairs::is_empty")]
        context: Pairs,
    },
    /// Its data key is wrapped by a key that the caller brings and that is kept nowhere.
    Customer(CustomerKeyCheck),
}

impl Encryption {
    /// The mode, unless the key is the customer's.
    pub const fn algorithm(&self) -> Option<SseAlgorithm> {
        match self {
            Self::S3 => Some(SseAlgorithm::Aes256),
            Self::Kms { .. } => Some(SseAlgorithm::AwsKms),
            Self::Dsse { .. } => Some(SseAlgorithm::AwsKmsDsse),
            Self::Customer(_) => None,
        }
    }

    /// The KMS key it needs.
    pub fn key_arn(&self) -> Option<&str> {
        match self {
            Self::Kms { key_arn, .. } | Self::Dsse { key_arn, .. } => Some(key_arn),
            Self::S3 | Self::Customer(_) => None,
        }
    }

    /// Whether `customer` is the key that opens it: the right one, or none where none is needed.
    ///
    /// # Errors
    /// [`ObjectsError::CustomerKeyMissing`], [`ObjectsError::CustomerKeyNotApplicable`],
    /// [`ObjectsError::CustomerKeyWrong`].
    pub fn check_customer_key(&self, customer: Option<&CustomerKey>) -> Result<(), ObjectsError> {
        match (self, customer) {
            (Self::Customer(_), None) => Err(ObjectsError::CustomerKeyMissing),
            (Self::Customer(check), Some(key)) if !check.is_of(key) => Err(ObjectsError::CustomerKeyWrong),
            (Self::Customer(_), Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(ObjectsError::CustomerKeyNotApplicable),
        }
    }

    /// The encryption context KMS is given: the caller's pairs and `aws:s3:arn`, the object's or, with a bucket key, the
    /// bucket's.
    pub fn kms_context(
        context: &Pairs,
        bucket_key: bool,
        bucket: &BucketName,
        key: &ObjectKey,
    ) -> BTreeMap<String, String> {
        let arn = if bucket_key { format!("arn:aws:s3:::{bucket}") } else { format!("arn:aws:s3:::{bucket}/{key}") };
        let mut context = context.to_map();
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
                bucket_key: self.algorithm == SseAlgorithm::AwsKms
                    && request.bucket_key_enabled.unwrap_or(self.bucket_key_enabled),
            }),
            Some(SseAlgorithm::AwsKmsDsse) if request.bucket_key_enabled == Some(true) => Err(ObjectsError::InvalidArgument {
                message: "Bucket keys are not supported for aws:kms:dsse".into(),
                name: "x-amz-server-side-encryption-bucket-key-enabled",
                value: "true".into(),
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
        BucketEncryption {
            algorithm,
            kms_key: key.map(str::to_owned),
            bucket_key_enabled: false,
            customer_keys_allowed: false,
        }
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
        assert_eq!(SseAlgorithm::parse("aws:kms:dsse"), Ok(SseAlgorithm::AwsKmsDsse));
        assert!(SseAlgorithm::parse("ROT13").is_err());
    }
}
