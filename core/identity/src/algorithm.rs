//! Signature algorithms: which are strong enough to be believed on a certificate or a revocation list.
use std::fmt;

use x509_cert::der::asn1::{ContextSpecific, ObjectIdentifier};
use x509_cert::der::{self, Encode, Reader, SliceReader, TagNumber};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::SignatureAlgorithmError;

/// The hash functions that nobody knows how to collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// What AWS takes on a certificate, DSA excepted (docs: X.509 client certificates).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptedSignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 (RFC 4055 §5).
    RsaPkcs1(HashAlgorithm),
    /// RSASSA-PSS, MGF1 with the same hash, a salt as long as the hash (RFC 4055 §3.1).
    RsaPss(HashAlgorithm),
    /// ECDSA (RFC 5758 §3.2).
    Ecdsa(HashAlgorithm),
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = oid("1.2.840.113549.1.1.8");

#[rustfmt::skip] // RFC 4055 §5, RFC 5758 §3.2
const ACCEPTED: &[(ObjectIdentifier, AcceptedSignatureAlgorithm)] = &[
    (oid("1.2.840.113549.1.1.11"), AcceptedSignatureAlgorithm::RsaPkcs1(HashAlgorithm::Sha256)),
    (oid("1.2.840.113549.1.1.12"), AcceptedSignatureAlgorithm::RsaPkcs1(HashAlgorithm::Sha384)),
    (oid("1.2.840.113549.1.1.13"), AcceptedSignatureAlgorithm::RsaPkcs1(HashAlgorithm::Sha512)),
    (oid("1.2.840.10045.4.3.2"),   AcceptedSignatureAlgorithm::Ecdsa(HashAlgorithm::Sha256)),
    (oid("1.2.840.10045.4.3.3"),   AcceptedSignatureAlgorithm::Ecdsa(HashAlgorithm::Sha384)),
    (oid("1.2.840.10045.4.3.4"),   AcceptedSignatureAlgorithm::Ecdsa(HashAlgorithm::Sha512)),
];

#[rustfmt::skip] // RFC 4055 §2.1
const HASHES: &[(ObjectIdentifier, HashAlgorithm)] = &[
    (oid("2.16.840.1.101.3.4.2.1"), HashAlgorithm::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), HashAlgorithm::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), HashAlgorithm::Sha512),
];

#[rustfmt::skip] // only for words an operator understands; what is not here is named by its object identifier
const REFUSED: &[(ObjectIdentifier, &str)] = &[
    (oid("1.2.840.113549.1.1.2"),    "MD2 with RSA"),
    (oid("1.2.840.113549.1.1.3"),    "MD4 with RSA"),
    (oid("1.2.840.113549.1.1.4"),    "MD5 with RSA"),
    (oid("1.2.840.113549.1.1.5"),    "SHA-1 with RSA"),
    (oid("1.3.14.3.2.29"),           "SHA-1 with RSA"),
    (oid("1.2.840.113549.1.1.14"),   "SHA-224 with RSA"),
    (oid("1.2.840.10045.4.1"),       "SHA-1 with ECDSA"),
    (oid("1.2.840.10045.4.3.1"),     "SHA-224 with ECDSA"),
    (oid("1.2.840.10040.4.3"),       "SHA-1 with DSA"),
    (oid("2.16.840.1.101.3.4.3.1"),  "SHA-224 with DSA"),
    (oid("2.16.840.1.101.3.4.3.2"),  "SHA-256 with DSA"),
    (oid("1.3.101.112"),             "Ed25519"),
    (oid("1.3.101.113"),             "Ed448"),
];

impl AcceptedSignatureAlgorithm {
    /// `None` for RSASSA-PSS too, whose parameters an object identifier alone does not tell.
    pub(crate) fn from_oid(algorithm: ObjectIdentifier) -> Option<Self> {
        ACCEPTED.iter().find(|(known, _)| *known == algorithm).map(|(_, accepted)| *accepted)
    }

    pub(crate) fn from_identifier(identifier: &AlgorithmIdentifierOwned) -> Result<Self, SignatureAlgorithmError> {
        if identifier.oid != RSASSA_PSS {
            let refusal = || SignatureAlgorithmError::new(refused_name(identifier.oid));
            return Self::from_oid(identifier.oid).ok_or_else(refusal);
        }
        // RFC 4055 §3.1: absent parameters, like absent fields in them, mean SHA-1.
        let parameters = identifier.parameters.as_ref().and_then(|any| any.to_der().ok());
        let parameters = parameters.as_deref().map_or(Ok(PssParameters::DEFAULT), PssParameters::decode);
        match parameters {
            Ok(PssParameters { hash: None, .. }) => Err(SignatureAlgorithmError::new(
                "RSASSA-PSS with SHA-1, or another hash than SHA-256, SHA-384 and SHA-512",
            )),
            Ok(PssParameters { hash: Some(hash), mgf_hash, salt_length, trailer: 1 })
                if mgf_hash == Some(hash) && salt_length == u32::from(hash.len()) =>
            {
                Ok(Self::RsaPss(hash))
            }
            _ => Err(SignatureAlgorithmError::new(
                "RSASSA-PSS with a mask of another hash, or a salt of another length, than its hash",
            )),
        }
    }
}

impl fmt::Display for AcceptedSignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RsaPkcs1(hash) => write!(f, "{hash} with RSA"),
            Self::RsaPss(hash) => write!(f, "{hash} with RSASSA-PSS"),
            Self::Ecdsa(hash) => write!(f, "{hash} with ECDSA"),
        }
    }
}

impl HashAlgorithm {
    fn of(algorithm: ObjectIdentifier) -> Option<Self> {
        HASHES.iter().find(|(known, _)| *known == algorithm).map(|(_, hash)| *hash)
    }

    const fn len(self) -> u8 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        })
    }
}

/// What a refused algorithm is called.
pub(crate) fn refused_name(algorithm: ObjectIdentifier) -> String {
    if algorithm == RSASSA_PSS {
        return "RSASSA-PSS with unusual parameters".into();
    }
    let name = REFUSED.iter().find(|(known, _)| *known == algorithm).map(|(_, name)| (*name).to_owned());
    name.unwrap_or_else(|| algorithm.to_string())
}

/// RSASSA-PSS-params (RFC 4055 §3.1). A hash that is not accepted is `None`.
struct PssParameters {
    hash: Option<HashAlgorithm>,
    mgf_hash: Option<HashAlgorithm>,
    salt_length: u32,
    trailer: u32,
}

impl PssParameters {
    const DEFAULT: Self = Self { hash: None, mgf_hash: None, salt_length: 20, trailer: 1 };

    fn decode(parameters: &[u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(parameters)?;
        let found = reader.sequence(|fields| {
            let hash = ContextSpecific::<AlgorithmIdentifierOwned>::decode_explicit(fields, TagNumber(0))?;
            let mask = ContextSpecific::<AlgorithmIdentifierOwned>::decode_explicit(fields, TagNumber(1))?;
            let salt = ContextSpecific::<u32>::decode_explicit(fields, TagNumber(2))?;
            let trailer = ContextSpecific::<u32>::decode_explicit(fields, TagNumber(3))?;
            let mgf_hash = mask.and_then(|mask| {
                let hash = mask.value.parameters?.decode_as::<AlgorithmIdentifierOwned>().ok()?;
                if mask.value.oid == MGF1 { HashAlgorithm::of(hash.oid) } else { None }
            });
            der::Result::Ok(Self {
                hash: hash.and_then(|hash| HashAlgorithm::of(hash.value.oid)),
                mgf_hash,
                salt_length: salt.map_or(Self::DEFAULT.salt_length, |salt| salt.value),
                trailer: trailer.map_or(Self::DEFAULT.trailer, |trailer| trailer.value),
            })
        })?;
        reader.finish()?;
        Ok(found)
    }
}
