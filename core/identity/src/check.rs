//! Which certificates can be registered: a customer's CA, and a device's.
use sekisho_types::Timestamp;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::{KeyType, PresentedCertificate, SignatureAlgorithmError};

/// Why no certificate of this kind is taken, whoever it belongs to. Its owner's move: have another one issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateUnfit {
    /// It is for later, or a clock is wrong.
    #[error("the certificate is not valid before {} s after the epoch", .not_before.seconds())]
    NotYetValid {
        /// Its first valid second.
        not_before: Timestamp,
    },
    /// It was for earlier.
    #[error("the certificate expired {} s after the epoch", .not_after.seconds())]
    Expired {
        /// Its last valid second.
        not_after: Timestamp,
    },
    /// Its key can be guessed, or nobody here can check with it.
    #[error("the certificate's key is of type {0}: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted")]
    Key(KeyType),
    /// It could have been forged, or nobody here can tell.
    #[error(transparent)]
    SignatureAlgorithm(#[from] SignatureAlgorithmError),
    /// It says something that must be understood and is not (RFC 5280 §4.2).
    #[error("the certificate has a critical extension that is not understood: {0}")]
    CriticalExtension(ObjectIdentifier),
}

/// Why a certificate cannot be registered as a CA. The operator's move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// As any other certificate.
    #[error(transparent)]
    Unfit(#[from] CertificateUnfit),
    /// There is no basicConstraints extension.
    #[error("the certificate is not a CA's: it has no basicConstraints")]
    BasicConstraintsMissing,
    /// basicConstraints says CA:FALSE.
    #[error("the certificate is not a CA's: its basicConstraints say CA:FALSE")]
    NotCa,
    /// keyUsage leaves out keyCertSign.
    #[error("the CA may not sign certificates: its keyUsage does not include keyCertSign")]
    MayNotSignCertificates,
}

/// Why a certificate cannot be registered as a device's. The operator's move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceCertificateError {
    /// As any other certificate.
    #[error(transparent)]
    Unfit(#[from] CertificateUnfit),
    /// basicConstraints says CA:TRUE.
    #[error("the certificate is a CA's: its basicConstraints say CA:TRUE")]
    IsCa,
    /// extendedKeyUsage names uses, and TLS client is not among them.
    #[error("the certificate is not for TLS clients: its extendedKeyUsage includes neither clientAuth nor any use")]
    NotForClients,
}

/// Checks that a CA's certificate may vouch for devices at `now`. Who signed it is not looked at: whoever registers it vouches
/// for it.
///
/// # Errors
/// The first reason found; the ones that are about the role come first.
pub fn check_ca(certificate: &PresentedCertificate, now: Timestamp) -> Result<(), CaError> {
    match certificate.basic_constraints() {
        None => return Err(CaError::BasicConstraintsMissing),
        Some(constraints) if !constraints.ca => return Err(CaError::NotCa),
        Some(_) => {}
    }
    if !certificate.may_sign_certificates() {
        return Err(CaError::MayNotSignCertificates);
    }
    Ok(check_any(certificate, now)?)
}

/// Checks that a certificate may be a device's at `now`. Who signed it is another question:
/// [`PresentedCertificate::verify_signed_by`].
///
/// # Errors
/// The first reason found; the ones that are about the role come first.
pub fn check_device(certificate: &PresentedCertificate, now: Timestamp) -> Result<(), DeviceCertificateError> {
    if certificate.basic_constraints().is_some_and(|constraints| constraints.ca) {
        return Err(DeviceCertificateError::IsCa);
    }
    if !certificate.allows_client_auth() {
        return Err(DeviceCertificateError::NotForClients);
    }
    Ok(check_any(certificate, now)?)
}

impl PresentedCertificate {
    /// Checks that `now` lies inside its validity, both ends included (RFC 5280 §4.1.2.5).
    ///
    /// # Errors
    /// [`CertificateUnfit::NotYetValid`] or [`CertificateUnfit::Expired`].
    pub fn check_validity(&self, now: Timestamp) -> Result<(), CertificateUnfit> {
        if now.seconds() < self.not_before().seconds() {
            return Err(CertificateUnfit::NotYetValid { not_before: self.not_before() });
        }
        if now.seconds() > self.not_after().seconds() {
            return Err(CertificateUnfit::Expired { not_after: self.not_after() });
        }
        Ok(())
    }
}

fn check_any(certificate: &PresentedCertificate, now: Timestamp) -> Result<(), CertificateUnfit> {
    certificate.check_validity(now)?;
    if !certificate.key_is_strong_enough() {
        return Err(CertificateUnfit::Key(certificate.subject_public_key_info().key_type()));
    }
    certificate.signature_algorithm()?;
    match certificate.unknown_critical_extension() {
        Some(extension) => Err(CertificateUnfit::CriticalExtension(extension)),
        None => Ok(()),
    }
}
