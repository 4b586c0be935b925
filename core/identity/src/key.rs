//! Public keys, and signatures checked with them.
use std::fmt;

use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::{AcceptedSignatureAlgorithm, HashAlgorithm, encode_pem};

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");

/// What kind of key a certificate or request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// RSA with a modulus of so many bits.
    Rsa {
        /// Length of the modulus.
        bits: u32,
    },
    /// NIST P-256.
    EcP256,
    /// NIST P-384.
    EcP384,
    /// NIST P-521.
    EcP521,
    /// Anything else, by its algorithm.
    Other(ObjectIdentifier),
}

impl KeyType {
    /// Whether AWS takes such a key: RSA of at least 2048 bits, P-256, P-384 and P-521.
    pub const fn is_strong_enough(self) -> bool {
        match self {
            Self::Rsa { bits } => bits >= 2048,
            Self::EcP256 | Self::EcP384 | Self::EcP521 => true,
            Self::Other(_) => false,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::EcP256 => f.write_str("P-256"),
            Self::EcP384 => f.write_str("P-384"),
            Self::EcP521 => f.write_str("P-521"),
            Self::Other(oid) => write!(f, "algorithm {oid}"),
        }
    }
}

/// A public key with its algorithm (RFC 5280 §4.1.2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPublicKeyInfo {
    der: Box<[u8]>,
    key: Box<[u8]>,
    key_type: KeyType,
}

/// Why a signature could not be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureError {
    /// Nobody here can check this algorithm with this kind of key.
    Unsupported(ObjectIdentifier),
    /// It was checked and does not belong to the message and key.
    Wrong,
}

impl SubjectPublicKeyInfo {
    /// Parses DER; `None` if it is not a SubjectPublicKeyInfo or an RSA key inside is not one.
    pub fn parse(der: &[u8]) -> Option<Self> {
        Self::from_spki(&SubjectPublicKeyInfoOwned::from_der(der).ok()?)
    }

    pub(crate) fn from_spki(spki: &SubjectPublicKeyInfoOwned) -> Option<Self> {
        let key = spki.subject_public_key.as_bytes()?;
        let algorithm = spki.algorithm.oid;
        let key_type = if algorithm == RSA_ENCRYPTION {
            KeyType::Rsa { bits: modulus_bits(key)? }
        } else if algorithm == EC_PUBLIC_KEY {
            let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.decode_as::<ObjectIdentifier>().ok());
            match curve {
                Some(P256) => KeyType::EcP256,
                Some(P384) => KeyType::EcP384,
                Some(P521) => KeyType::EcP521,
                Some(other) => KeyType::Other(other),
                None => KeyType::Other(EC_PUBLIC_KEY),
            }
        } else {
            KeyType::Other(algorithm)
        };
        Some(Self { der: spki.to_der().ok()?.into(), key: key.into(), key_type })
    }

    pub(crate) fn to_spki(&self) -> x509_cert::der::Result<SubjectPublicKeyInfoOwned> {
        SubjectPublicKeyInfoOwned::from_der(&self.der)
    }

    /// What kind of key it is.
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// Its DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// `-----BEGIN PUBLIC KEY-----`.
    pub fn to_pem(&self) -> String {
        encode_pem("PUBLIC KEY", &self.der)
    }

    /// Whether an RSA key has made `signature` over `message`, by PKCS #1 v1.5 with SHA-256 (RFC 8017 §8.2). No other key has.
    pub fn has_signed_rsa_sha256(&self, message: &[u8], signature: &[u8]) -> bool {
        let is_rsa = matches!(self.key_type, KeyType::Rsa { .. });
        is_rsa && self.verify_with(&lc::RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }

    /// Checks `signature` over `message`, made with the algorithm that `algorithm` names. SHA-1 with RSA is checked too: who
    /// asks whether the sender holds the key needs no hash that resists collisions.
    pub(crate) fn verify(
        &self,
        algorithm: ObjectIdentifier,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        if let (KeyType::Rsa { .. }, SHA1_WITH_RSA) = (self.key_type, algorithm) {
            return self.verify_with(&lc::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, message, signature);
        }
        let accepted = AcceptedSignatureAlgorithm::from_oid(algorithm).ok_or(SignatureError::Unsupported(algorithm))?;
        match self.verification(accepted) {
            Some(verification) => self.verify_with(verification, message, signature),
            None => Err(SignatureError::Unsupported(algorithm)),
        }
    }

    /// Checks `signature` over `message`. One that the key cannot have made is wrong like any other.
    pub(crate) fn verify_accepted(
        &self,
        algorithm: AcceptedSignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let verification = self.verification(algorithm).ok_or(SignatureError::Wrong)?;
        self.verify_with(verification, message, signature)
    }

    fn verification(&self, algorithm: AcceptedSignatureAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
        use AcceptedSignatureAlgorithm::{Ecdsa, RsaPkcs1, RsaPss};
        use HashAlgorithm::{Sha256, Sha384, Sha512};
        Some(match (self.key_type, algorithm) {
            (KeyType::Rsa { .. }, RsaPkcs1(Sha256)) => &lc::RSA_PKCS1_2048_8192_SHA256,
            (KeyType::Rsa { .. }, RsaPkcs1(Sha384)) => &lc::RSA_PKCS1_2048_8192_SHA384,
            (KeyType::Rsa { .. }, RsaPkcs1(Sha512)) => &lc::RSA_PKCS1_2048_8192_SHA512,
            (KeyType::Rsa { .. }, RsaPss(Sha256)) => &lc::RSA_PSS_2048_8192_SHA256,
            (KeyType::Rsa { .. }, RsaPss(Sha384)) => &lc::RSA_PSS_2048_8192_SHA384,
            (KeyType::Rsa { .. }, RsaPss(Sha512)) => &lc::RSA_PSS_2048_8192_SHA512,
            (KeyType::EcP256, Ecdsa(Sha256)) => &lc::ECDSA_P256_SHA256_ASN1,
            (KeyType::EcP256, Ecdsa(Sha384)) => &lc::ECDSA_P256_SHA384_ASN1,
            (KeyType::EcP256, Ecdsa(Sha512)) => &lc::ECDSA_P256_SHA512_ASN1,
            (KeyType::EcP384, Ecdsa(Sha256)) => &lc::ECDSA_P384_SHA256_ASN1,
            (KeyType::EcP384, Ecdsa(Sha384)) => &lc::ECDSA_P384_SHA384_ASN1,
            (KeyType::EcP384, Ecdsa(Sha512)) => &lc::ECDSA_P384_SHA512_ASN1,
            (KeyType::EcP521, Ecdsa(Sha256)) => &lc::ECDSA_P521_SHA256_ASN1,
            (KeyType::EcP521, Ecdsa(Sha384)) => &lc::ECDSA_P521_SHA384_ASN1,
            (KeyType::EcP521, Ecdsa(Sha512)) => &lc::ECDSA_P521_SHA512_ASN1,
            _ => return None,
        })
    }

    fn verify_with(
        &self,
        verification: &'static dyn VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        UnparsedPublicKey::new(verification, &self.key).verify(message, signature).map_err(|_| SignatureError::Wrong)
    }
}

/// Bits of the modulus in an RSAPublicKey (RFC 8017 A.1.1).
fn modulus_bits(rsa_public_key: &[u8]) -> Option<u32> {
    let mut reader = SliceReader::new(rsa_public_key).ok()?;
    let modulus: UintRef<'_> = reader
        .sequence(|fields| {
            let modulus = fields.decode()?;
            let _exponent: UintRef<'_> = fields.decode()?;
            x509_cert::der::Result::Ok(modulus)
        })
        .ok()?;
    reader.finish().ok()?;
    let bytes = modulus.as_bytes();
    Some(u32::try_from(bytes.len()).ok()? * 8 - bytes.first()?.leading_zeros())
}
