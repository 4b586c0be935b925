//! Key derivation and digests.
use aws_lc_rs::{digest, hmac};
use sekisho_types::Secret;
use subtle::ConstantTimeEq;

use crate::scope::{Scope, TERMINATION};

/// What signs for one day, region and service.
#[derive(Clone)]
pub(crate) struct SigningKey(hmac::Key);

impl SigningKey {
    /// The chain `AWS4‖secret → day → region → service → aws4_request`.
    pub(crate) fn derive(secret: &Secret, scope: &Scope) -> Self {
        let first = Secret::new([b"AWS4", secret.expose()].concat());
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, first.expose());
        for step in [&*scope.day, &*scope.region, &*scope.service, TERMINATION] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, step.as_bytes()).as_ref());
        }
        Self(key)
    }

    /// The signature of `string_to_sign`, in lower-case hexadecimal.
    pub(crate) fn sign(&self, string_to_sign: &[u8]) -> String {
        hex(hmac::sign(&self.0, string_to_sign).as_ref())
    }

    /// Whether `signature` is that of `string_to_sign`. Takes the same time wherever they differ.
    pub(crate) fn matches(&self, string_to_sign: &[u8], signature: &str) -> bool {
        self.sign(string_to_sign).as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

/// SHA-256 of the empty string.
pub(crate) const SHA256_OF_EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// SHA-256 in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

/// 32 bytes from 64 hexadecimal digits.
pub(crate) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (char::from(pair[0]).to_digit(16)?, char::from(pair[1]).to_digit(16)?);
        *byte = (high * 16 + low) as u8;
    }
    Some(out)
}
