//! Nothing a peer sends as a certificate, a request or a revocation list may panic, and what parses says the same when written again.
use sekisho_identity::{Csr, PEM_CRL, PresentedCertificate, RevocationList, SubjectPublicKeyInfo, encode_pem};

#[test]
fn certificate() {
    bolero::check!(name = "certificate").for_each(|bytes: &[u8]| {
        if let Ok(certificate) = PresentedCertificate::parse(bytes) {
            assert_eq!(certificate.as_der(), bytes);
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

#[test]
fn crl() {
    bolero::check!(name = "crl").for_each(|bytes: &[u8]| {
        if let Ok(list) = RevocationList::parse(bytes) {
            assert_eq!(RevocationList::parse(encode_pem(PEM_CRL, list.as_der()).as_bytes()).unwrap(), list);
            assert!(list.revoked().iter().all(|serial_number| list.revokes(serial_number)));
        }
    });
}
