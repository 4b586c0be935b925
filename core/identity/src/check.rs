//! Which certificates can be registered: a customer's CA, and a device's.
use sekisho_types::Timestamp;
use x509_cert::der::asn1::ObjectIdentifier;

use crate::{KeyType, PresentedCertificate, SignatureAlgorithmError};

/// Why no certificate of this kind is taken, whoever it belongs to. Its owner's move: have another one issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateUnfit {
    /// It is for later, or a clock is wrong.
    #[error("the certificate is not valid before {not_before}")]
    NotYetValid {
        /// Its first valid second.
        not_before: Timestamp,
    },
    /// It was for earlier.
    #[error("the certificate expired at {not_after}")]
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

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    macro_rules! certificate {
        ($name:literal) => {
            PresentedCertificate::parse_pem(include_str!(concat!("../tests/certificates/", $name, ".pem"))).unwrap()
        };
    }

    fn made(is_ca: IsCa, change: fn(&mut CertificateParams)) -> PresentedCertificate {
        let mut params = CertificateParams::default();
        params.is_ca = is_ca;
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        change(&mut params);
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        PresentedCertificate::parse(&der).unwrap()
    }

    fn unknown(critical: bool) -> CustomExtension {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 1], vec![5, 0]); // RFC 5612
        extension.set_criticality(critical);
        extension
    }

    fn said<E: std::fmt::Display>(result: Result<(), E>) -> String {
        result.map_or_else(|error| error.to_string(), |()| "ok".into())
    }

    #[test]
    fn cas() {
        let ca = |change| made(IsCa::Ca(rcgen::BasicConstraints::Unconstrained), change);
        #[rustfmt::skip] // citation                                          certificate                                                       outcome
        let table: &[(&str, PresentedCertificate, &str)] = &[
            ("iot RegisterCACertificate",                                     ca(|_| {}),                                                       "ok"),
            ("iot RegisterCACertificate",                                     certificate!("rsa2048_ca"),                                       "ok"),
            ("RFC 5280 §4.2.1.3, keyCertSign among others",                   ca(|p| p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign]), "ok"),
            ("RFC 5280 §4.2.1.3, no keyCertSign",                             ca(|p| p.key_usages = vec![KeyUsagePurpose::CrlSign]),            "the CA may not sign certificates: its keyUsage does not include keyCertSign"),
            ("RFC 5280 §4.2.1.9, absent",                                     made(IsCa::NoCa, |_| {}),                                         "the certificate is not a CA's: it has no basicConstraints"),
            ("RFC 5280 §4.2.1.9, version 1 has no extensions",                certificate!("version1"),                                         "the certificate is not a CA's: it has no basicConstraints"),
            ("RFC 5280 §4.2.1.9, CA:FALSE",                                   made(IsCa::ExplicitNoCa, |_| {}),                                 "the certificate is not a CA's: its basicConstraints say CA:FALSE"),
            ("RFC 5280 §4.1.2.5, notAfter",                                   ca(|p| p.not_after = rcgen::date_time_ymd(2021, 1, 1)),           "the certificate expired at 2021-01-01T00:00:00Z"),
            ("RFC 5280 §4.1.2.5, notBefore",                                  ca(|p| p.not_before = rcgen::date_time_ymd(2039, 1, 1)),          "the certificate is not valid before 2039-01-01T00:00:00Z"),
            ("RFC 5280 §4.2, unknown critical extension",                     ca(|p| p.custom_extensions = vec![unknown(true)]),                "the certificate has a critical extension that is not understood: 1.3.6.1.4.1.32473.1"),
            ("RFC 5280 §4.2, unknown extension, not critical",                ca(|p| p.custom_extensions = vec![unknown(false)]),               "ok"),
            ("iot, audit of CA key quality: RSA of at least 2048 bits",       certificate!("rsa1024_ca"),                                       "the certificate's key is of type RSA-1024: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
            ("iot, X.509 client certificates: key types",                     certificate!("ed25519_ca"),                                       "the certificate's key is of type algorithm 1.3.101.112: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
            ("RFC 6194 §3.1: SHA-1 can be collided",                          certificate!("rsa2048_ca_sha1"),                                  "signature algorithm SHA-1 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ];
        for (citation, certificate, outcome) in table {
            assert_eq!(said(check_ca(certificate, NOW)), *outcome, "{citation}");
        }
    }

    #[test]
    fn devices() {
        use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
        let device = |change| made(IsCa::NoCa, change);
        #[rustfmt::skip] // citation                                          certificate                                                       outcome
        let table: &[(&str, PresentedCertificate, &str)] = &[
            ("iot RegisterCertificate",                                       device(|_| {}),                                                   "ok"),
            ("RFC 5280 §4.2.1.9, CA:FALSE",                                   made(IsCa::ExplicitNoCa, |_| {}),                                 "ok"),
            ("RFC 5280 §4.2.1.9, CA:TRUE",                                    certificate!("p256_ca"),                                          "the certificate is a CA's: its basicConstraints say CA:TRUE"),
            ("RFC 5280 §4.2.1.12",                                            device(|p| p.extended_key_usages = vec![ServerAuth, ClientAuth]), "ok"),
            ("RFC 5280 §4.2.1.12, any use",                                   device(|p| p.extended_key_usages = vec![Any]),                    "ok"),
            ("RFC 5280 §4.2.1.12, another use only",                          device(|p| p.extended_key_usages = vec![ServerAuth]),             "the certificate is not for TLS clients: its extendedKeyUsage includes neither clientAuth nor any use"),
            ("RFC 5280 §4.1.2.5, notAfter",                                   device(|p| p.not_after = rcgen::date_time_ymd(2021, 1, 1)),       "the certificate expired at 2021-01-01T00:00:00Z"),
            ("RFC 5280 §4.1.2.5, notBefore",                                  device(|p| p.not_before = rcgen::date_time_ymd(2039, 1, 1)),      "the certificate is not valid before 2039-01-01T00:00:00Z"),
            ("RFC 5280 §4.2, unknown critical extension",                     device(|p| p.custom_extensions = vec![unknown(true)]),            "the certificate has a critical extension that is not understood: 1.3.6.1.4.1.32473.1"),
            ("iot, X.509 client certificates: sha256WithRSAEncryption",       certificate!("rsa2048_sha256"),                                   "ok"),
            ("iot, X.509 client certificates: RSASSA-PSS",                    certificate!("rsa2048_pss_sha256"),                               "ok"),
            ("iot, X.509 client certificates: RSASSA-PSS",                    certificate!("rsa2048_pss_sha512"),                               "ok"),
            ("iot, X.509 client certificates: ecdsa-with-SHA512",             certificate!("p256_sha512"),                                      "ok"),
            ("RFC 5280 §4.1.2.1, version 1",                                  certificate!("version1"),                                         "ok"),
            ("iot, X.509 client certificates: RSA of at least 2048 bits",     certificate!("rsa1024_key"),                                      "the certificate's key is of type RSA-1024: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
            ("iot, X.509 client certificates: curves",                        certificate!("secp256k1_key"),                                    "the certificate's key is of type algorithm 1.3.132.0.10: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
            ("RFC 6194 §3.1: SHA-1 can be collided",                          certificate!("rsa2048_sha1"),                                     "signature algorithm SHA-1 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("RFC 6194 §3.1: SHA-1 can be collided",                          certificate!("p256_sha1"),                                        "signature algorithm SHA-1 with ECDSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("RFC 6151 §2.1: MD5 can be collided",                            certificate!("rsa2048_md5"),                                      "signature algorithm MD5 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("iot, X.509 client certificates: no SHA-224",                    certificate!("rsa2048_sha224"),                                   "signature algorithm SHA-224 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("iot, X.509 client certificates: no Ed25519",                    certificate!("under_ed25519"),                                    "signature algorithm Ed25519 is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("RFC 4055 §3.1: the default hash is SHA-1",                      certificate!("rsa2048_pss_sha1"),                                 "signature algorithm RSASSA-PSS with SHA-1, or another hash than SHA-256, SHA-384 and SHA-512 is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("RFC 4055 §3.1: a salt as long as the hash is recommended",      certificate!("rsa2048_pss_long_salt"),                            "signature algorithm RSASSA-PSS with a mask of another hash, or a salt of another length, than its hash is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ];
        for (citation, certificate, outcome) in table {
            assert_eq!(said(check_device(certificate, NOW)), *outcome, "{citation}");
        }
    }

    #[test]
    fn both_ends_belong_to_the_validity() {
        let certificate = made(IsCa::NoCa, |_| {});
        let seconds = |from: Timestamp, more: i64| Timestamp::from_millis(from.millis() + more);
        let (first, last) = (certificate.not_before(), certificate.not_after());
        #[rustfmt::skip] // citation                          now                     valid?
        let table = &[
            ("RFC 5280 §4.1.2.5, before notBefore",           seconds(first, -1),     false),
            ("RFC 5280 §4.1.2.5, notBefore",                  first,                  true),
            ("RFC 5280 §4.1.2.5, notAfter",                   last,                   true),
            ("RFC 5280 §4.1.2.5, inside the second notAfter", seconds(last, 999),     true),
            ("RFC 5280 §4.1.2.5, after notAfter",             seconds(last, 1000),    false),
        ];
        for (citation, now, valid) in table {
            assert_eq!(certificate.check_validity(*now).is_ok(), *valid, "{citation}");
        }
    }

    #[test]
    fn who_signed_it() {
        let mut forged = certificate!("rsa2048_sha256").as_der().to_vec();
        *forged.last_mut().unwrap() ^= 1;
        let forged = PresentedCertificate::parse(&forged).unwrap();
        let named = |name: &str, is_ca| {
            let mut params = CertificateParams::default();
            params.is_ca = is_ca;
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
            PresentedCertificate::parse(&der).unwrap()
        };
        let namesake = named("rsa2048_ca", IsCa::Ca(rcgen::BasicConstraints::Unconstrained));
        #[rustfmt::skip] // citation                                     certificate                           issuer                      outcome
        let table: &[(&str, PresentedCertificate, PresentedCertificate, &str)] = &[
            ("RFC 5280 §6.1.3 (a)(1)",                                   certificate!("rsa2048_sha256"),       certificate!("rsa2048_ca"), "ok"),
            ("RFC 5280 §6.1.3 (a)(1), RSASSA-PSS",                       certificate!("rsa2048_pss_sha256"),   certificate!("rsa2048_ca"), "ok"),
            ("RFC 5280 §6.1.3 (a)(1), RSASSA-PSS",                       certificate!("rsa2048_pss_sha512"),   certificate!("rsa2048_ca"), "ok"),
            ("RFC 5280 §6.1.3 (a)(1), ECDSA",                            certificate!("p256_sha512"),          certificate!("p256_ca"),    "ok"),
            ("RFC 5280 §6.1.3 (a)(1), self-signed",                      certificate!("p256_ca"),              certificate!("p256_ca"),    "ok"),
            ("RFC 5280 §6.1.3 (a)(1), version 1",                        certificate!("version1"),             certificate!("p256_ca"),    "ok"),
            ("RFC 5280 §6.1.3 (a)(4)",                                   certificate!("rsa2048_sha256"),       certificate!("p256_ca"),    "the issuer it names is not the subject of the issuer's certificate"),
            ("RFC 5280 §6.1.3 (a)(1), changed after signing",            forged,                               certificate!("rsa2048_ca"), "the signature does not match the issuer's key"),
            ("RFC 5280 §6.1.3 (a)(1), same name but another key",        certificate!("rsa2048_sha256"),       namesake,                   "the signature does not match the issuer's key"),
            ("RFC 6194 §3.1",                                            certificate!("rsa2048_sha1"),         certificate!("rsa2048_ca"), "signature algorithm SHA-1 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
            ("iot, X.509 client certificates",                           certificate!("under_rsa1024"),        certificate!("rsa1024_ca"), "the issuer's key is of type RSA-1024: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
        ];
        for (citation, certificate, issuer, outcome) in table {
            assert_eq!(said(certificate.verify_signed_by(issuer)), *outcome, "{citation}");
        }
        assert!(certificate!("p256_ca").is_self_issued());
        assert!(!certificate!("p256_sha512").is_self_issued());
        let algorithm = |certificate: PresentedCertificate| certificate.signature_algorithm().unwrap().to_string();
        assert_eq!(algorithm(certificate!("rsa2048_pss_sha512")), "SHA-512 with RSASSA-PSS");
        assert_eq!(algorithm(certificate!("p256_sha512")), "SHA-512 with ECDSA");
        assert_eq!(algorithm(certificate!("rsa2048_sha256")), "SHA-256 with RSA");
    }

    #[test]
    fn signatures_are_whole_bytes() {
        let whole = certificate!("rsa2048_sha256").as_der().to_vec();
        let unused = whole.len() - 257; // RSA of 2048 bits: 256 bytes of signature, after the number of unused bits
        assert_eq!(whole[unused], 0);
        for (bits, last) in [(1, 0xfe), (1, 0xff), (7, 0x80), (8, 0)] {
            let mut changed = whole.clone();
            changed[unused] = bits;
            *changed.last_mut().unwrap() = last;
            assert!(PresentedCertificate::parse(&changed).is_err(), "RFC 8017 §8.2.1, {bits} unused bits");
        }
    }

    #[test]
    fn the_algorithm_beside_is_the_one_that_was_signed() {
        let mut changed = certificate!("rsa2048_sha256").as_der().to_vec();
        let outer = changed.len() - 257 - 4 - 3; // before the BIT STRING's header and the parameters, NULL
        assert_eq!(changed[outer], 11);
        changed[outer] = 12;
        let result = PresentedCertificate::parse(&changed);
        assert!(matches!(result, Err(crate::CertificateError::AlgorithmMismatch)), "RFC 5280 §4.1.1.2");
    }
}
