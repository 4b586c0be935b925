//! A certificate somebody shows us, taken apart once.
use aws_lc_rs::digest::{SHA256, digest};
use sekisho_types::{CertificateId, Timestamp};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::time::Time;

use crate::extensions::Extensions;
use crate::signed::Signed;
use crate::{AcceptedSignatureAlgorithm, SignatureAlgorithmError, SignedByError};
use crate::{CertificateRecord, CertificateStatus, DistinguishedName, PEM_CERTIFICATE, SubjectPublicKeyInfo};
use crate::{decode_pem, encode_pem};

/// Whether a certificate may issue others (RFC 5280 §4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// It may.
    pub ca: bool,
    /// How many certificates may stand between it and an end entity.
    pub path_len: Option<u8>,
}

/// A well-formed certificate. That it parses says nothing about who vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedCertificate {
    der: Box<[u8]>,
    certificate_id: CertificateId,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    serial_number: Box<[u8]>,
    not_before: Timestamp,
    not_after: Timestamp,
    subject_public_key_info: SubjectPublicKeyInfo,
    signature_algorithm: Result<AcceptedSignatureAlgorithm, SignatureAlgorithmError>,
    extensions: Extensions,
}

/// Why bytes are no certificate. The caller's move, each time.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not a PEM block labelled CERTIFICATE.
    #[error("no PEM block labelled CERTIFICATE was found")]
    NotPem,
    /// More than one where one was asked for.
    #[error("exactly one certificate was expected, {0} came")]
    NotOne(usize),
    /// Not an X.509 certificate in DER.
    #[error("not a certificate in DER")]
    Malformed(#[source] x509_cert::der::Error),
    /// The key inside cannot be read.
    #[error("the certificate's public key is malformed")]
    PublicKey,
    /// RFC 5280 §4.1.1.2: the algorithm stands inside what is signed and beside it, and must be the same.
    #[error("the certificate names two different signature algorithms")]
    AlgorithmMismatch,
}

impl PresentedCertificate {
    /// The id of a certificate: SHA-256 of its DER. Cheap, and all a known certificate needs.
    pub fn id_of(der: &[u8]) -> CertificateId {
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, der).as_ref());
        CertificateId::new(id)
    }

    /// Parses DER.
    ///
    /// # Errors
    /// Any [`CertificateError`] that is not about PEM.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        use CertificateError::{AlgorithmMismatch, Malformed, PublicKey};
        Signed::decode(der).map_err(Malformed)?; // a signature of whole bytes, which a certificate alone does not ask for
        let certificate = Certificate::from_der(der).map_err(Malformed)?;
        let tbs = certificate.tbs_certificate();
        if tbs.signature() != certificate.signature_algorithm() {
            return Err(AlgorithmMismatch);
        }
        Ok(Self {
            der: der.into(),
            certificate_id: Self::id_of(der),
            subject: DistinguishedName::from_name(tbs.subject()).map_err(Malformed)?,
            issuer: DistinguishedName::from_name(tbs.issuer()).map_err(Malformed)?,
            serial_number: tbs.serial_number().as_bytes().into(),
            not_before: timestamp(tbs.validity().not_before),
            not_after: timestamp(tbs.validity().not_after),
            subject_public_key_info: SubjectPublicKeyInfo::from_spki(tbs.subject_public_key_info()).ok_or(PublicKey)?,
            signature_algorithm: AcceptedSignatureAlgorithm::from_identifier(tbs.signature()),
            extensions: Extensions::of(tbs).map_err(Malformed)?,
        })
    }

    /// Parses the one certificate in `text`.
    ///
    /// # Errors
    /// Any [`CertificateError`].
    pub fn parse_pem(text: &str) -> Result<Self, CertificateError> {
        let blocks = decode_pem(&[PEM_CERTIFICATE], text).ok_or(CertificateError::NotPem)?;
        match blocks.as_slice() {
            [] => Err(CertificateError::NotPem),
            [der] => Self::parse(der),
            more => Err(CertificateError::NotOne(more.len())),
        }
    }

    /// SHA-256 of the DER.
    pub const fn certificate_id(&self) -> CertificateId {
        self.certificate_id
    }

    /// The DER, byte for byte as it came.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// `-----BEGIN CERTIFICATE-----`, with a newline at the end.
    pub fn to_pem(&self) -> String {
        encode_pem(PEM_CERTIFICATE, &self.der)
    }

    /// Whom it names.
    pub const fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Who signed it, by its own account.
    pub const fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// The serial number, big-endian, as encoded.
    pub fn serial_number(&self) -> &[u8] {
        &self.serial_number
    }

    /// First second of validity.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last second of validity.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The key.
    pub const fn subject_public_key_info(&self) -> &SubjectPublicKeyInfo {
        &self.subject_public_key_info
    }

    /// The basicConstraints extension, if there is one.
    pub const fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.extensions.basic_constraints
    }

    /// The subjectKeyIdentifier extension, if there is one.
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.extensions.subject_key_identifier.as_deref()
    }

    /// Whether it may sign certificates: keyUsage is absent, or includes keyCertSign (RFC 5280 §4.2.1.3).
    pub fn may_sign_certificates(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.key_cert_sign)
    }

    /// Whether it may sign revocation lists: keyUsage is absent, or includes cRLSign (RFC 5280 §4.2.1.3).
    pub fn may_sign_revocation_lists(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.crl_sign)
    }

    /// Whether a TLS client may show it: extendedKeyUsage is absent, or includes clientAuth or any use (RFC 5280 §4.2.1.12).
    pub fn allows_client_auth(&self) -> bool {
        self.extensions.client_auth != Some(false)
    }

    /// The first extension that is marked critical and that nobody here understands: the certificate must not be used
    /// (RFC 5280 §4.2).
    pub const fn unknown_critical_extension(&self) -> Option<ObjectIdentifier> {
        self.extensions.unknown_critical
    }

    /// How it is signed.
    ///
    /// # Errors
    /// [`SignatureAlgorithmError`] where the algorithm is too weak, or nobody here can check it.
    pub fn signature_algorithm(&self) -> Result<AcceptedSignatureAlgorithm, SignatureAlgorithmError> {
        self.signature_algorithm.clone()
    }

    /// Whether subject and issuer are the same name (RFC 5280 §3.2). Says nothing about who signed it.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether its key is RSA of at least 2048 bits, P-256, P-384 or P-521.
    pub const fn key_is_strong_enough(&self) -> bool {
        self.subject_public_key_info.key_type().is_strong_enough()
    }

    /// Checks that `issuer` signed it: the names match, byte for byte, and the signature is over the bytes that came. What
    /// `issuer` is allowed to sign, and when, is for [`check_ca`](crate::check_ca).
    ///
    /// # Errors
    /// The first of name, algorithm, key and signature that refuses it.
    pub fn verify_signed_by(&self, issuer: &Self) -> Result<(), SignedByError> {
        if self.issuer.as_der() != issuer.subject.as_der() {
            return Err(SignedByError::IssuerName);
        }
        let signed = Signed::decode(&self.der).expect("PresentedCertificate::parse decoded it");
        signed.verify(&issuer.subject_public_key_info)
    }

    /// What decides about its holder, once it is registered with `status`.
    pub const fn record(&self, status: CertificateStatus) -> CertificateRecord {
        CertificateRecord { status, not_before: self.not_before, not_after: self.not_after }
    }
}

pub(crate) fn timestamp(time: Time) -> Timestamp {
    // A DER time lies between 1970 and 9999, so its seconds fit with room to spare.
    Timestamp::from_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX / 1000))
}
