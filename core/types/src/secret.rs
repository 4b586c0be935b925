//! Bytes that must not leak: wiped on drop, compared in constant time, `[secret]` in every log.
use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A secret of any length (a private key in DER, a secret access key).
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Each call is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

/// A 256-bit symmetric key.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; 32]>);

impl SecretKey {
    /// Takes the key over.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key itself. Each call is a place to review.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for SecretKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_prints_the_bytes() {
        assert_eq!(format!("{:?} {:?}", Secret::new(vec![1, 2]), SecretKey::new([7; 32])), "[secret] [secret]");
    }

    #[test]
    fn equal_secrets_are_equal_and_others_are_not() {
        assert_eq!(Secret::new(vec![1]), Secret::new(vec![1]));
        assert_ne!(Secret::new(vec![1]), Secret::new(vec![1, 0]));
        assert_ne!(SecretKey::new([0; 32]), SecretKey::new([1; 32]));
    }
}
