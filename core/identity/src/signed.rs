//! SIGNED: bytes, the algorithm and the signature over them, the envelope that certificates, requests and CRLs share.
use x509_cert::der::asn1::{BitStringRef, ObjectIdentifier};
use x509_cert::der::{self, Reader, SliceReader};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::{AcceptedSignatureAlgorithm, KeyType, SubjectPublicKeyInfo};

/// The three parts, the signed one kept byte for byte: what was signed is checked, not a re-encoding.
pub(crate) struct Signed<'a> {
    pub(crate) message: &'a [u8],
    pub(crate) algorithm: AlgorithmIdentifierOwned,
    pub(crate) signature: &'a [u8],
}

/// Why what is signed is not believed to be its issuer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedByError {
    /// It names another issuer.
    #[error("the issuer it names is not the subject of the issuer's certificate")]
    IssuerName,
    /// The issuer's key is too weak to believe, or of a kind nobody here can check with.
    #[error("the issuer's key is of type {0}: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted")]
    IssuerKey(KeyType),
    /// The signature is too weak to believe.
    #[error(transparent)]
    SignatureAlgorithm(#[from] SignatureAlgorithmError),
    /// The signature belongs to other bytes or to another key.
    #[error("the signature does not match the issuer's key")]
    Signature,
}

/// The algorithm is none that is believed: too weak, or not one anybody here can check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature algorithm {0} is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is")]
pub struct SignatureAlgorithmError(Box<str>);

impl SignatureAlgorithmError {
    pub(crate) fn new(name: impl Into<Box<str>>) -> Self {
        Self(name.into())
    }

    /// What the algorithm is called, or its object identifier.
    pub fn algorithm(&self) -> &str {
        &self.0
    }
}

impl<'a> Signed<'a> {
    pub(crate) fn decode(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let (message, algorithm, signature) = reader.sequence(|fields| {
            let message = fields.tlv_bytes()?;
            let algorithm = fields.decode::<AlgorithmIdentifierOwned>()?;
            let signature = fields.decode::<BitStringRef<'_>>()?;
            der::Result::Ok((message, algorithm, signature))
        })?;
        reader.finish()?;
        let signature = signature.as_bytes().ok_or(der::Error::from(der::ErrorKind::Failed))?;
        Ok(Self { message, algorithm, signature })
    }

    /// Checks the signature with `issuer`, taking strong keys and strong algorithms only.
    pub(crate) fn verify(&self, issuer: &SubjectPublicKeyInfo) -> Result<(), SignedByError> {
        let algorithm = AcceptedSignatureAlgorithm::from_identifier(&self.algorithm)?;
        if !issuer.key_type().is_strong_enough() {
            return Err(SignedByError::IssuerKey(issuer.key_type()));
        }
        issuer.verify_accepted(algorithm, self.message, self.signature).map_err(|_| SignedByError::Signature)
    }

    pub(crate) fn algorithm_oid(&self) -> ObjectIdentifier {
        self.algorithm.oid
    }
}
