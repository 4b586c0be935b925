//! Opening: whom to ask for the data key, and what it opens.
use sekisho_types::{Secret, SecretKey};

use crate::content::ContentError;
use crate::wrap::{Holder, RESERVED, data_key_of};
use crate::{BODY_BYTES_MAX, Envelope, Pairs, RsaPrivateKey, Wrap};

/// What a reader takes.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Also what authenticates nothing: CBC, and wraps that do not say which cipher a key is for.
    pub legacy: bool,
    /// The encryption context it must have been encrypted with; empty for none.
    pub context: &'a Pairs,
}

/// Why there is no plaintext.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Caller: legacy has to be asked for.
    #[error("`{0}` is legacy: it is read only where that is asked for")]
    Legacy(&'static str),
    /// Caller: a pair of the context that is the client's own.
    #[error("`{0}` is reserved: it is no part of a caller's encryption context")]
    Reserved(&'static str),
    /// Caller, or whoever changed it. What it is, is not told.
    #[error("the encryption context is not the one it was encrypted with")]
    Context,
    /// Caller: such a wrap has none.
    #[error("a data key wrapped by `{0}` has no encryption context")]
    NoContext(&'static str),
    /// Caller, or whoever changed it.
    #[error("the data key does not unwrap: another key wrapped it, or it was changed")]
    DataKey,
    /// Whoever changed it.
    #[error("the key commitment does not match: it was changed, or the data key is another's")]
    Commitment,
    /// Whoever changed it.
    #[error("the body does not open: it was changed, or cut short")]
    Body,
    /// Whoever changed it.
    #[error("the plaintext is not as long as `x-amz-unencrypted-content-length` says")]
    Length,
    /// Longer than is held in memory.
    #[error("longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
}

/// Who has the key that wraps the data key.
#[derive(Debug)]
pub enum Ask<'a> {
    /// KMS, which the caller asks.
    Kms(KmsDecrypt<'a>),
    /// Whoever has the AES key.
    AesKey(WithAesKey<'a>),
    /// Whoever has the RSA key.
    RsaKey(WithRsaKey<'a>),
}

/// What KMS's Decrypt is to be asked.
#[derive(Debug)]
pub struct KmsDecrypt<'a>(&'a Envelope);

/// An AES key of 256 bits is needed.
#[derive(Debug)]
pub struct WithAesKey<'a>(&'a Envelope);

/// An RSA key is needed.
#[derive(Debug)]
pub struct WithRsaKey<'a>(&'a Envelope);

/// An envelope and its data key: what opens the body.
#[derive(Debug)]
pub struct Opener<'a> {
    envelope: &'a Envelope,
    data_key: SecretKey,
}

impl Envelope {
    /// Whom to ask for the data key, on the reader's terms.
    ///
    /// # Errors
    /// [`OpenError::Legacy`]; [`OpenError::Reserved`], [`OpenError::Context`], [`OpenError::NoContext`], before anybody is
    /// asked: a context that was only kept beside the body would prove nothing, so the caller says it again.
    pub fn ask(&self, terms: Terms<'_>) -> Result<Ask<'_>, OpenError> {
        let key = &self.encrypted_data_key;
        if !terms.legacy && self.content.is_legacy() {
            return Err(OpenError::Legacy(self.content.name()));
        }
        if !terms.legacy && key.wrap.is_legacy() {
            return Err(OpenError::Legacy(key.wrap.name()));
        }
        if let Some(name) = RESERVED.into_iter().find(|name| terms.context.contains_key(*name)) {
            return Err(OpenError::Reserved(name));
        }
        match key.wrap {
            Wrap::KmsContext if key.callers_context() != *terms.context => return Err(OpenError::Context),
            Wrap::KmsContext => {}
            _ if terms.context.is_empty() => {}
            wrap => return Err(OpenError::NoContext(wrap.name())),
        }
        Ok(match key.wrap.holder() {
            Holder::Kms => Ask::Kms(KmsDecrypt(self)),
            Holder::AesKey => Ask::AesKey(WithAesKey(self)),
            Holder::RsaKey => Ask::RsaKey(WithRsaKey(self)),
        })
    }

    fn opener(&self, data_key: Option<SecretKey>) -> Result<Opener<'_>, OpenError> {
        Ok(Opener { envelope: self, data_key: data_key.ok_or(OpenError::DataKey)? })
    }
}

impl<'a> KmsDecrypt<'a> {
    /// `CiphertextBlob`
    pub fn ciphertext_blob(&self) -> &'a [u8] {
        &self.0.encrypted_data_key.bytes
    }

    /// `EncryptionContext`, the client's own pairs included.
    pub fn context(&self) -> &'a Pairs {
        &self.0.encrypted_data_key.description
    }

    /// Takes KMS's answer, `Plaintext`.
    ///
    /// # Errors
    /// [`OpenError::DataKey`] if it is no key of 256 bits.
    pub fn answered(self, plaintext: &Secret) -> Result<Opener<'a>, OpenError> {
        self.0.opener(data_key_of(plaintext))
    }
}

impl<'a> WithAesKey<'a> {
    /// Unwraps the data key.
    ///
    /// # Errors
    /// [`OpenError::DataKey`].
    pub fn unwrap(self, key: &SecretKey) -> Result<Opener<'a>, OpenError> {
        self.0.opener(self.0.encrypted_data_key.unwrap_aes(key, self.0.content.name()))
    }
}

impl<'a> WithRsaKey<'a> {
    /// Unwraps the data key.
    ///
    /// # Errors
    /// [`OpenError::DataKey`].
    pub fn unwrap(self, key: &RsaPrivateKey) -> Result<Opener<'a>, OpenError> {
        self.0.opener(self.0.encrypted_data_key.unwrap_rsa(key, self.0.content.name()))
    }
}

impl Opener<'_> {
    /// Opens the whole body. With CBC, which is legacy, nobody vouches for what comes out.
    ///
    /// # Errors
    /// [`OpenError::TooLong`], [`OpenError::Commitment`], [`OpenError::Body`], [`OpenError::Length`]; no byte of plaintext
    /// leaves with any of them.
    pub fn open(&self, body: Vec<u8>) -> Result<Secret, OpenError> {
        if body.len() > BODY_BYTES_MAX {
            return Err(OpenError::TooLong);
        }
        let opened = self.envelope.content.open(&self.data_key, body).map_err(|error| match error {
            ContentError::Commitment => OpenError::Commitment,
            ContentError::Body => OpenError::Body,
        })?;
        let plaintext = Secret::new(opened);
        let length = plaintext.expose().len() as u64;
        match self.envelope.plaintext_bytes {
            Some(expected) if expected != length => Err(OpenError::Length),
            _ => Ok(plaintext),
        }
    }
}
