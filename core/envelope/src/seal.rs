//! Sealing: a plaintext under a data key that somebody's key wraps. Always format V3, with key commitment.
use sekisho_types::{Random, Secret, SecretKey};

use crate::content::COMMITTED_BYTES;
use crate::wrap::{CONTEXT_CIPHER, RESERVED, data_key_of};
use crate::{BODY_BYTES_MAX, Content, EncryptedDataKey, Envelope, Format, Pairs, RsaPublicKey, Wrap};

/// The name of the content cipher that is written.
const CIPHER: &str = "115";

/// Why nothing was sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Caller: a pair of the context that is the client's own.
    #[error("`{0}` is reserved: it is no part of a caller's encryption context")]
    Reserved(&'static str),
    /// KMS: it was asked for 256 bits.
    #[error("the data key has not 256 bits")]
    DataKey,
    /// Us: the library failed.
    #[error("the data key could not be wrapped")]
    Wrap,
    /// Longer than is held in memory.
    #[error("longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
}

/// The encryption context KMS is asked with: the caller's pairs, and the content cipher's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsContext(Pairs);

impl KmsContext {
    /// Adds the client's own pair.
    ///
    /// # Errors
    /// [`SealError::Reserved`].
    pub fn of(callers: &Pairs) -> Result<Self, SealError> {
        if let Some(name) = RESERVED.into_iter().find(|name| callers.contains_key(*name)) {
            return Err(SealError::Reserved(name));
        }
        let mut context = callers.clone();
        context.insert(CONTEXT_CIPHER.to_owned(), CIPHER.to_owned());
        Ok(Self(context))
    }

    /// `EncryptionContext`
    pub const fn pairs(&self) -> &Pairs {
        &self.0
    }
}

/// A data key and how it is wrapped. It may seal many bodies: each is sealed under a key of its own, derived with a fresh
/// message id of 224 bits.
#[derive(Clone, Debug)]
pub struct Sealer {
    data_key: SecretKey,
    encrypted: EncryptedDataKey,
}

/// A body and its envelope.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// For the metadata.
    pub envelope: Envelope,
    /// `ciphertext ‖ tag (16 B)`
    pub body: Vec<u8>,
}

impl Sealer {
    /// Takes what KMS's GenerateDataKey answered to `KeySpec` `AES_256` and `context`.
    ///
    /// # Errors
    /// [`SealError::DataKey`].
    pub fn from_kms(context: KmsContext, plaintext: &Secret, ciphertext_blob: Vec<u8>) -> Result<Self, SealError> {
        let data_key = data_key_of(plaintext).ok_or(SealError::DataKey)?;
        let encrypted = EncryptedDataKey { wrap: Wrap::KmsContext, bytes: ciphertext_blob, description: context.0 };
        Ok(Self { data_key, encrypted })
    }

    /// A fresh data key under an AES key.
    pub fn under_aes(key: &SecretKey, random: &mut dyn Random) -> Self {
        let data_key = fresh(random);
        let encrypted = EncryptedDataKey::wrap_aes(key, &data_key, CIPHER, random);
        Self { data_key, encrypted }
    }

    /// A fresh data key under an RSA key.
    ///
    /// # Errors
    /// [`SealError::Wrap`].
    pub fn under_rsa(key: &RsaPublicKey, random: &mut dyn Random) -> Result<Self, SealError> {
        let data_key = fresh(random);
        let encrypted = EncryptedDataKey::wrap_rsa(key, &data_key, CIPHER).ok_or(SealError::Wrap)?;
        Ok(Self { data_key, encrypted })
    }

    /// Seals one body.
    ///
    /// # Errors
    /// [`SealError::TooLong`].
    pub fn seal(&self, plaintext: Vec<u8>, random: &mut dyn Random) -> Result<Sealed, SealError> {
        if plaintext.len() > BODY_BYTES_MAX {
            return Err(SealError::TooLong);
        }
        let mut message_id = [0; COMMITTED_BYTES];
        random.fill(&mut message_id);
        let (content, body) = Content::seal(&self.data_key, message_id, plaintext);
        let encrypted_data_key = self.encrypted.clone();
        let envelope = Envelope { format: Format::V3, content, encrypted_data_key, plaintext_bytes: None };
        Ok(Sealed { envelope, body })
    }
}

fn fresh(random: &mut dyn Random) -> SecretKey {
    let mut key = [0; 32];
    random.fill(&mut key);
    SecretKey::new(key)
}
