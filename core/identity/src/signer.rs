//! Private keys that sign certificates.
use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use sekisho_types::Secret;
use x509_cert::der::asn1::OctetStringRef;
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::{SubjectPublicKeyInfo, encode_pem};

/// How a signer signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 4055 §5).
    Sha256WithRsaEncryption,
    /// ECDSA with SHA-256 (RFC 5758 §3.2).
    EcdsaWithSha256,
}

/// Us: the key is there but would not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the issuer's private key could not sign")]
pub struct SignError;

/// Something that holds a CA's private key.
pub trait Signer {
    /// How it signs.
    fn algorithm(&self) -> SignatureAlgorithm;

    /// The public half.
    fn subject_public_key_info(&self) -> &SubjectPublicKeyInfo;

    /// Signs the DER of a TBSCertificate.
    ///
    /// # Errors
    /// [`SignError`] where the key's holder fails.
    fn sign(&self, tbs: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Operator, or us: stored key material is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a private key in PKCS#8 of a kind that signs here: RSA or P-256")]
pub struct SigningKeyError;

/// A private key in memory. Generating one is the shell's business.
pub struct SigningKey {
    pair: Pair,
    subject_public_key_info: SubjectPublicKeyInfo,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl SigningKey {
    /// Takes a private key in PKCS#8: RSA, or ECDSA on P-256.
    ///
    /// # Errors
    /// [`SigningKeyError`] for everything else.
    pub fn from_pkcs8(pkcs8: &Secret) -> Result<Self, SigningKeyError> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(pkcs8.expose()) {
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| SigningKeyError)?;
            let subject_public_key_info = SubjectPublicKeyInfo::parse(public.as_ref()).ok_or(SigningKeyError)?;
            return Ok(Self { pair: Pair::Rsa(pair), subject_public_key_info });
        }
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.expose()).map_err(|_| SigningKeyError)?;
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| SigningKeyError)?;
        let subject_public_key_info = SubjectPublicKeyInfo::parse(public.as_ref()).ok_or(SigningKeyError)?;
        Ok(Self { pair: Pair::Ecdsa(pair), subject_public_key_info })
    }

    /// The key in `pkcs8` as AWS hands it to a device: `-----BEGIN RSA PRIVATE KEY-----` (PKCS#1) or, for an elliptic curve,
    /// `-----BEGIN EC PRIVATE KEY-----` (RFC 5915).
    ///
    /// # Errors
    /// [`SigningKeyError`] if `pkcs8` holds no such key.
    pub fn private_key_pem(pkcs8: &Secret) -> Result<Secret, SigningKeyError> {
        let key = Self::from_pkcs8(pkcs8)?;
        let label = match key.pair {
            Pair::Rsa(_) => "RSA PRIVATE KEY",
            Pair::Ecdsa(_) => "EC PRIVATE KEY",
        };
        let inner = private_key_of(pkcs8.expose()).map_err(|_| SigningKeyError)?;
        Ok(Secret::new(encode_pem(label, inner).into_bytes()))
    }
}

impl Signer for SigningKey {
    fn algorithm(&self) -> SignatureAlgorithm {
        match self.pair {
            Pair::Rsa(_) => SignatureAlgorithm::Sha256WithRsaEncryption,
            Pair::Ecdsa(_) => SignatureAlgorithm::EcdsaWithSha256,
        }
    }

    fn subject_public_key_info(&self) -> &SubjectPublicKeyInfo {
        &self.subject_public_key_info
    }

    fn sign(&self, tbs: &[u8]) -> Result<Vec<u8>, SignError> {
        // PKCS#1 v1.5 draws nothing; ECDSA's nonce comes from inside the library, which takes no argument for it.
        let nonce = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &nonce, tbs, &mut signature).map_err(|_| SignError)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => pair.sign(&nonce, tbs).map(|s| s.as_ref().to_vec()).map_err(|_| SignError),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [secret])", self.subject_public_key_info.key_type())
    }
}

/// The privateKey field of a PrivateKeyInfo (RFC 5208 §5).
fn private_key_of(pkcs8: &[u8]) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(pkcs8)?;
    reader.sequence(|fields| {
        let _version = u8::decode(fields)?;
        let _algorithm = AlgorithmIdentifierOwned::decode(fields)?;
        let key = <&OctetStringRef>::decode(fields)?;
        while !fields.is_finished() {
            fields.tlv_bytes()?;
        }
        Ok(key.as_bytes())
    })
}
