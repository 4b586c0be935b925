//! RSA keys that wrap data keys.
use std::fmt;

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    Pkcs1PrivateDecryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use sekisho_types::Secret;

/// Caller: not such a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an RSA key of 2,048 to 8,192 bits")]
pub struct RsaKeyError;

/// A public key: it wraps.
#[derive(Clone)]
pub struct RsaPublicKey(PublicEncryptingKey);

/// A private key: it unwraps.
#[derive(Clone)]
pub struct RsaPrivateKey(PrivateDecryptingKey);

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RSA-{}", self.0.key_size_bits())
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl RsaPublicKey {
    /// Reads a SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7).
    ///
    /// # Errors
    /// [`RsaKeyError`].
    pub fn from_spki(der: &[u8]) -> Result<Self, RsaKeyError> {
        PublicEncryptingKey::from_der(der).map(Self).map_err(|_| RsaKeyError)
    }

    /// OAEP's randomness is drawn inside the library, which takes none from outside; so do signatures of ECDSA.
    pub(crate) fn oaep_sha1(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let key = OaepPublicEncryptingKey::new(self.0.clone()).ok()?;
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let length = key.encrypt(&OAEP_SHA1_MGF1SHA1, plaintext, &mut ciphertext, None).ok()?.len();
        ciphertext.truncate(length);
        Some(ciphertext)
    }
}

impl RsaPrivateKey {
    /// Reads PKCS #8 in DER (RFC 5208).
    ///
    /// # Errors
    /// [`RsaKeyError`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, RsaKeyError> {
        PrivateDecryptingKey::from_pkcs8(der).map(Self).map_err(|_| RsaKeyError)
    }

    /// Its public half.
    pub fn public_key(&self) -> RsaPublicKey {
        RsaPublicKey(self.0.public_key())
    }

    pub(crate) fn oaep_sha1(&self, ciphertext: &[u8]) -> Option<Secret> {
        self.oaep(&OAEP_SHA1_MGF1SHA1, ciphertext)
    }

    pub(crate) fn oaep_sha256(&self, ciphertext: &[u8]) -> Option<Secret> {
        self.oaep(&OAEP_SHA256_MGF1SHA256, ciphertext)
    }

    fn oaep(&self, algorithm: &'static OaepAlgorithm, ciphertext: &[u8]) -> Option<Secret> {
        let key = OaepPrivateDecryptingKey::new(self.0.clone()).ok()?;
        let mut plaintext = vec![0; key.min_output_size()];
        let opened = key.decrypt(algorithm, ciphertext, &mut plaintext, None).map(|opened| opened.len());
        secret(plaintext, opened.ok())
    }

    pub(crate) fn pkcs1(&self, ciphertext: &[u8]) -> Option<Secret> {
        let key = Pkcs1PrivateDecryptingKey::new(self.0.clone()).ok()?;
        let mut plaintext = vec![0; key.min_output_size()];
        let opened = key.decrypt(ciphertext, &mut plaintext).map(|opened| opened.len());
        secret(plaintext, opened.ok())
    }
}

/// The first `length` bytes; all of them are wiped later, those that are not handed on too.
fn secret(mut plaintext: Vec<u8>, length: Option<usize>) -> Option<Secret> {
    plaintext.truncate(length.unwrap_or(0));
    let secret = Secret::new(plaintext);
    length.map(|_| secret)
}
