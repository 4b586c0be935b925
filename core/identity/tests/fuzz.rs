//! Nothing a peer sends as a certificate, a request or a revocation list may panic, and what parses says the same when written again.
use sekisho_identity::{Csr, PEM_CRL, PresentedCertificate, RevocationList, SubjectPublicKeyInfo, encode_pem};
use sekisho_identity::{check_ca, check_device, verify_chain};

#[test]
fn certificate() {
    bolero::check!(name = "certificate").for_each(|bytes: &[u8]| {
        if let Ok(certificate) = PresentedCertificate::parse(bytes) {
            assert_eq!(certificate.as_der(), bytes);
            let now = certificate.not_before();
            let _ = (check_ca(&certificate, now), check_device(&certificate, now));
            let _ = (certificate.verify_signed_by(&certificate), verify_chain(bytes, &[bytes], &[bytes], now));
            let _ = (certificate.subject_alternative_names(), certificate.issuer_alternative_names());
            assert_eq!(PresentedCertificate::parse_pem(&certificate.to_pem()).unwrap(), certificate);
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            let _ = PresentedCertificate::parse_pem(text);
        }
    });
}

#[test]
fn csr() {
    bolero::check!(name = "csr").for_each(|bytes: &[u8]| {
        let _ = Csr::parse(bytes);
        if let Ok(text) = std::str::from_utf8(bytes) {
            let _ = Csr::parse_pem(text);
        }
        if let Some(spki) = SubjectPublicKeyInfo::parse(bytes) {
            assert_eq!(SubjectPublicKeyInfo::parse(spki.as_der()), Some(spki));
        }
    });
}

const CA: &str = include_str!("certificates/p256_ca.pem");

#[test]
fn crl() {
    bolero::check!(name = "crl").for_each(|bytes: &[u8]| {
        if let Ok(list) = RevocationList::parse(bytes) {
            assert_eq!(RevocationList::parse(encode_pem(PEM_CRL, list.as_der()).as_bytes()).unwrap(), list);
            if let Ok(ca) = PresentedCertificate::parse_pem(CA) {
                let _ = list.verify(&ca, list.this_update());
            }
            assert!(list.revoked().iter().all(|serial_number| list.revokes(serial_number)));
        }
    });
}
