//! Who vouches for a certificate: the path from an end entity to a root (RFC 5280 §6).
use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use sekisho_types::Timestamp;
use webpki::aws_lc_rs as algorithms;
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage};
use webpki::{RequiredEkuNotFoundContext, VerifiedPath};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Reader, SliceReader};

use crate::algorithm::refused_name;
use crate::{KeyType, PresentedCertificate, SignatureAlgorithmError, SubjectPublicKeyInfo};

/// Why no path from the end entity to a root was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Device, or operator: a certificate on the path is past its notAfter.
    #[error("a certificate on the path has expired")]
    Expired,
    /// Device, or operator: a certificate on the path is for later.
    #[error("a certificate on the path is not valid yet")]
    NotYetValid,
    /// Operator: none of the roots signed it.
    #[error("no root vouches for the certificate")]
    UnknownIssuer,
    /// Device: the signature is not its issuer's.
    #[error("a signature on the path does not match its issuer's key")]
    Signature,
    /// Operator: extended key usage names uses, and TLS client is not among them.
    #[error("the certificate is not for TLS clients")]
    NotForClients,
    /// Operator: an end entity's certificate stands where a CA's belongs.
    #[error("an issuer on the path is not a CA")]
    IssuerNotCa,
    /// Device: a CA's certificate was presented as a device's.
    #[error("a CA's certificate cannot be used as a device's")]
    CaAsEndEntity,
    /// Operator: keyUsage leaves out keyCertSign.
    #[error("an issuer on the path may not sign certificates: its keyUsage does not include keyCertSign")]
    IssuerMayNotSign,
    /// Operator: a CA says how long a path it starts, and this one is longer.
    #[error("the path is longer than the pathLenConstraint of a CA on it allows")]
    PathLength,
    /// Operator: a CA says which names it vouches for, and the certificate has another.
    #[error("the nameConstraints of a CA on the path forbid a name in the certificate")]
    NameConstraint,
    /// Device, or operator: a key on the path can be guessed, or nobody here can check with it.
    #[error("a key on the path is of type {0}: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted")]
    WeakKey(KeyType),
    /// Device, or operator: a certificate on the path could have been forged, or nobody here can tell.
    #[error("a certificate on the path cannot be believed: {0}")]
    SignatureAlgorithm(SignatureAlgorithmError),
    /// Operator: a certificate says something that must be understood and is not (RFC 5280 §4.2).
    #[error("a certificate on the path has a critical extension that is not understood")]
    CriticalExtension,
    /// Operator: X.509 of version 1 or 2 cannot say what a certificate is for.
    #[error("a certificate on the path is not X.509 version 3")]
    Version,
    /// Device: more than [`INTERMEDIATES_MAX`] intermediates, or more than six between it and a root.
    #[error("too many intermediate certificates: at most {max} may be sent, six of them one behind the other", max = INTERMEDIATES_MAX)]
    TooLong,
    /// Device: a certificate, or what it says, cannot be read.
    #[error("a certificate on the path cannot be used: {0}")]
    Unusable(String),
}

/// The most intermediates a device may send. A path is at most six of them long; how many paths there are to try grows with
/// the factorial of this, and nobody has proven who they are yet. More are refused before anything is tried.
pub const INTERMEDIATES_MAX: usize = 8;

/// As [`AcceptedSignatureAlgorithm`](crate::AcceptedSignatureAlgorithm) has them.
static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
    algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

/// Checks that a TLS client's certificate leads to one of `roots` at `now`. Everything is DER; nothing is fetched.
///
/// A root is trusted for its name and key; its own validity, signature and path length are not looked at (RFC 5280 §6.1.1 (d)),
/// for whoever registered it decided. A root that cannot be read vouches for nobody, and hinders none of the others. Revocation
/// of end entities is the registry's business.
///
/// # Errors
/// The reason for which the most promising path failed.
pub fn verify_chain(
    end_entity: &[u8],
    intermediates: &[&[u8]],
    roots: &[&[u8]],
    now: Timestamp,
) -> Result<(), PathError> {
    if intermediates.len() > INTERMEDIATES_MAX {
        return Err(PathError::TooLong);
    }
    let presented: Vec<_> = std::iter::once(&end_entity).chain(intermediates).copied().collect();
    let end_entity = CertificateDer::from(end_entity);
    let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(*der)).collect();
    let root_certificates: Vec<_> = roots.iter().map(|der| CertificateDer::from(*der)).collect();
    let mut anchors = Vec::with_capacity(roots.len());
    let mut unreadable = None;
    for root in &root_certificates {
        match webpki::anchor_from_trusted_cert(root) {
            Ok(anchor) => anchors.push(anchor),
            Err(error) => unreadable = Some(explain(error)),
        }
    }
    let since_epoch = Duration::from_secs(u64::try_from(now.seconds()).unwrap_or(0));
    let since_epoch = UnixTime::since_unix_epoch(since_epoch);
    let end_entity = EndEntityCert::try_from(&end_entity).map_err(explain)?;
    // The library looks at a key only where it checks a signature with it.
    match SubjectPublicKeyInfo::parse(&end_entity.subject_public_key_info()) {
        Some(key) if key.key_type().is_strong_enough() => {}
        Some(key) => return Err(PathError::WeakKey(key.key_type())),
        None => return Err(PathError::Unusable("its public key is malformed".into())),
    }
    let verified = end_entity.verify_for_usage(
        ALGORITHMS,
        &anchors,
        &intermediates,
        since_epoch,
        ClientAuth,
        None,
        Some(&issuers_may_sign),
    );
    match verified.map(drop) {
        Ok(()) => Ok(()),
        Err(
            error @ (Error::InvalidSignatureForPublicKey | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)),
        ) => {
            let issuers = presented[1..].iter().chain(roots);
            Err(weak_issuer(&presented, issuers).map_or_else(|| explain(error), PathError::WeakKey))
        }
        Err(Error::UnknownIssuer) => Err(unreadable.unwrap_or(PathError::UnknownIssuer)),
        Err(error) => Err(explain(error)),
    }
}

/// RFC 5280 §4.2.1.12: an absent extension allows any use, and so does one that says so.
struct ClientAuth;

impl ExtendedKeyUsageValidator for ClientAuth {
    fn validate(&self, uses: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        const CLIENT_AUTH: KeyPurposeId<'_> = KeyPurposeId::new(&[0x2b, 6, 1, 5, 5, 7, 3, 2]);
        const ANY: KeyPurposeId<'_> = KeyPurposeId::new(&[0x55, 0x1d, 0x25, 0]);
        let mut present = Vec::new();
        for r#use in uses {
            let r#use = r#use?;
            if r#use == CLIENT_AUTH || r#use == ANY {
                return Ok(());
            }
            present.push(r#use.to_decoded_oid());
        }
        if present.is_empty() {
            return Ok(());
        }
        Err(Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext {
            required: KeyUsage::client_auth(),
            present,
        }))
    }
}

/// RFC 5280 §6.1.4 (n), which the library leaves out: an issuer's keyUsage, if there is one, includes keyCertSign.
fn issuers_may_sign(path: &VerifiedPath<'_>) -> Result<(), Error> {
    for issuer in path.intermediate_certificates() {
        let issuer = PresentedCertificate::parse(&issuer.der()).map_err(|_| Error::BadDer)?;
        if !issuer.may_sign_certificates() {
            return Err(Error::CertDistrusted); // nothing else here says so
        }
    }
    Ok(())
}

/// The key of an issuer by which a signature was not checked because it is too weak, and not because the signature is wrong.
fn weak_issuer<'a>(presented: &[&[u8]], issuers: impl Iterator<Item = &'a &'a [u8]>) -> Option<KeyType> {
    let parse = |der: &&[u8]| PresentedCertificate::parse(der).ok();
    let presented: Vec<_> = presented.iter().filter_map(parse).collect();
    let mut issuers = issuers.filter_map(parse).filter(|issuer| !issuer.key_is_strong_enough());
    issuers
        .find(|issuer| presented.iter().any(|certificate| certificate.issuer() == issuer.subject()))
        .map(|issuer| issuer.subject_public_key_info().key_type())
}

fn explain(error: Error) -> PathError {
    match error {
        Error::CertExpired { .. } => PathError::Expired,
        Error::CertNotValidYet { .. } => PathError::NotYetValid,
        Error::UnknownIssuer => PathError::UnknownIssuer,
        Error::InvalidSignatureForPublicKey | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            PathError::Signature
        }
        Error::UnsupportedSignatureAlgorithmContext(context) => {
            PathError::SignatureAlgorithm(algorithm_error(&context.signature_algorithm_id))
        }
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => PathError::NotForClients,
        Error::EndEntityUsedAsCa => PathError::IssuerNotCa,
        Error::CertDistrusted => PathError::IssuerMayNotSign,
        Error::CaUsedAsEndEntity => PathError::CaAsEndEntity,
        Error::PathLenConstraintViolated => PathError::PathLength,
        Error::NameConstraintViolation => PathError::NameConstraint,
        Error::UnsupportedCriticalExtension => PathError::CriticalExtension,
        Error::UnsupportedCertVersion => PathError::Version,
        Error::MaximumPathDepthExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => PathError::TooLong,
        other => PathError::Unusable(format!("{other:?}")), // the library's enum, open to additions
    }
}

/// `identifier`: the inside of an AlgorithmIdentifier.
fn algorithm_error(identifier: &[u8]) -> SignatureAlgorithmError {
    let oid = SliceReader::new(identifier).and_then(|mut fields| fields.decode::<ObjectIdentifier>());
    SignatureAlgorithmError::new(oid.map_or_else(|_| "that cannot be read".into(), refused_name))
}

#[cfg(test)]
mod tests;
