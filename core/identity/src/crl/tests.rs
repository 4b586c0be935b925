//! Revocation lists as CAs write them, and each that is refused.
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevocationReason, RevokedCertParams, SerialNumber, SigningKey,
};

use super::*;
use crate::encode_pem;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

struct Ca {
    params: CertificateParams,
    key: KeyPair,
    certificate: PresentedCertificate,
}

impl Ca {
    fn new(name: &str, key_usages: Vec<KeyUsagePurpose>) -> Self {
        let mut params = CertificateParams::default();
        params.key_usages = key_usages;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { params, key, certificate: PresentedCertificate::parse(&der).unwrap() }
    }

    /// A list as the other library writes it.
    fn list(&self, change: impl FnOnce(&mut CertificateRevocationListParams)) -> Vec<u8> {
        let revoked = |serial: &[u8], reason_code| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: rcgen::date_time_ymd(2026, 1, 1),
            reason_code,
            invalidity_date: Some(rcgen::date_time_ymd(2025, 1, 1)),
        };
        let mut params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2028, 1, 1),
            crl_number: SerialNumber::from(0x0102_u64),
            issuing_distribution_point: None,
            revoked_certs: vec![
                revoked(&[0x81, 7], None),
                revoked(&[3], Some(RevocationReason::KeyCompromise)),
                revoked(&[3], Some(RevocationReason::KeyCompromise)),
                revoked(&[5], Some(RevocationReason::RemoveFromCrl)),
            ],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        change(&mut params);
        params.signed_by(&Issuer::from_params(&self.params, &self.key)).unwrap().der().to_vec()
    }

    /// A list made of the fields that follow the issuer's name.
    fn list_of(&self, version: &[u8], after_issuer: &[u8]) -> Vec<u8> {
        let name = self.certificate.subject().as_der();
        let tbs = tlv(0x30, &[version, ECDSA_WITH_SHA256, name, after_issuer].concat());
        let signature = self.key.sign(&tbs).unwrap();
        tlv(0x30, &[tbs, ECDSA_WITH_SHA256.to_vec(), tlv(3, &[vec![0], signature].concat())].concat())
    }
}

const ECDSA_WITH_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const VERSION_2: &[u8] = &[2, 1, 1];

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match value.len() {
        short @ ..128 => bytes.push(short as u8),
        byte @ ..256 => bytes.extend([0x81, byte as u8]),
        medium @ ..65536 => bytes.extend([&[0x82], &(medium as u16).to_be_bytes()[..]].concat()),
        long => bytes.extend([&[0x84], &(long as u32).to_be_bytes()[..]].concat()),
    }
    bytes.extend_from_slice(value);
    bytes
}

fn time() -> Vec<u8> {
    tlv(0x17, b"260101000000Z")
}

fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    tlv(0x30, &[tlv(6, oid), critical.to_vec(), tlv(4, value)].concat())
}

fn revoked(serial: &[u8], extensions: &[u8]) -> Vec<u8> {
    let extensions = if extensions.is_empty() { vec![] } else { tlv(0x30, extensions) };
    tlv(0x30, &[tlv(2, serial), time(), extensions].concat())
}

/// thisUpdate, entries, extensions.
fn fields(entries: &[u8], extensions: &[u8]) -> Vec<u8> {
    let entries = if entries.is_empty() { vec![] } else { tlv(0x30, entries) };
    let extensions = if extensions.is_empty() { vec![] } else { tlv(0xa0, &tlv(0x30, extensions)) };
    [time(), entries, extensions].concat()
}

fn said(bytes: &[u8], ca: &PresentedCertificate) -> String {
    let list = RevocationList::parse(bytes).and_then(|list| list.verify(ca, NOW).map(|()| list));
    match list {
        Ok(list) => format!("{:02x?}", list.revoked()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_list_in_der_and_in_pem() {
    let ca = Ca::new("ca", vec![]);
    let der = ca.list(|_| {});
    let list = RevocationList::parse(&der).unwrap();
    assert_eq!(RevocationList::parse(encode_pem(PEM_CRL, &der).as_bytes()).unwrap(), list);
    assert_eq!(list.issuer(), ca.certificate.subject());
    assert_eq!(list.this_update(), Timestamp::from_seconds(1_767_225_600));
    assert_eq!(list.next_update(), Some(Timestamp::from_seconds(1_830_297_600)));
    assert_eq!(list.number(), Some(&[1, 2][..]));
    assert_eq!(list.revoked(), [Box::from([0, 0x81, 7]), Box::from([3_u8]) as Box<[u8]>]);
    assert!(list.verify(&ca.certificate, NOW).is_ok());
    assert!(!list.is_expired(Timestamp::from_seconds(1_830_297_600)));
    assert!(list.is_expired(Timestamp::from_seconds(1_830_297_601)));
    assert!(list.verify(&ca.certificate, Timestamp::from_seconds(2_000_000_000)).is_ok());

    let mut params = CertificateParams::default();
    let issuer = Issuer::from_params(&ca.params, &ca.key);
    for (serial, on_it) in [(&[0x81, 7][..], true), (&[3], true), (&[5], false), (&[1, 7], false)] {
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let der = params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec();
        let certificate = PresentedCertificate::parse(&der).unwrap();
        assert_eq!(list.revokes(certificate.serial_number()), on_it, "RFC 5280 §5.1.2.6, {serial:02x?}");
    }
}

#[test]
fn lists() {
    let ca = Ca::new("ca", vec![]);
    let other = Ca::new("other", vec![]);
    let namesake = Ca::new("ca", vec![]);
    let point = |scope| {
        let distribution_point = CrlDistributionPoint { uris: vec!["http://crl.example/1".into()] };
        Some(CrlIssuingDistributionPoint { distribution_point, scope })
    };
    let mut changed = ca.list(|_| {});
    *changed.last_mut().unwrap() ^= 1;
    let mut two_algorithms = ca.list(|_| {});
    let outer = two_algorithms.windows(12).rposition(|window| window == ECDSA_WITH_SHA256).unwrap();
    two_algorithms[outer + 11] = 3;
    let list = |entries: &[u8], extensions: &[u8]| ca.list_of(VERSION_2, &fields(entries, extensions));
    let entry = revoked(&[3], &[]);
    let idp = |value: &[u8]| list(&entry, &extension(&[0x55, 0x1d, 28], true, &tlv(0x30, value)));
    let pem = encode_pem(PEM_CRL, &ca.list(|_| {}));
    #[rustfmt::skip] // citation                                        list                                                       outcome
    let table: &[(&str, Vec<u8>, &str)] = &[
        ("RFC 5280 §5.1",                                               ca.list(|_| {}),                                           "[[00, 81, 07], [03]]"),
        ("RFC 5280 §5.1.2.6, nothing is revoked",                       ca.list(|p| p.revoked_certs.clear()),                      "[]"),
        ("RFC 5280 §5.1.2.6, an empty sequence is tolerated",           ca.list_of(VERSION_2, &[time(), tlv(0x30, &[])].concat()), "[]"),
        ("RFC 5280 §5.1.2.5, no nextUpdate",                            list(&entry, &[]),                                         "[[03]]"),
        ("RFC 5280 §5.1.2.1, version 1 is absent",                      ca.list_of(&[], &fields(&entry, &[])),                     "[[03]]"),
        ("RFC 5280 §5.1.2.1, version 3 is unknown",                     ca.list_of(&[2, 1, 2], &fields(&entry, &[])),              "not a certificate revocation list in DER"),
        ("RFC 5280 §5.2.5, part of a list, by address",                 ca.list(|p| p.issuing_distribution_point = point(None)),   "[[00, 81, 07], [03]]"),
        ("RFC 5280 §5.2.5, onlyContainsUserCerts",                      ca.list(|p| p.issuing_distribution_point = point(Some(CrlScope::UserCertsOnly))), "[[00, 81, 07], [03]]"),
        ("RFC 5280 §5.2.5, onlyContainsCACerts",                        ca.list(|p| p.issuing_distribution_point = point(Some(CrlScope::CaCertsOnly))), "the revocation list covers certificates of CAs only"),
        ("RFC 5280 §5.2.5, onlySomeReasons",                            idp(&[0x83, 2, 6, 0x40]),                                  "the revocation list covers some reasons for revocation only"),
        ("RFC 5280 §5.2.5, onlyContainsAttributeCerts",                 idp(&[0x85, 1, 0xff]),                                     "the revocation list covers attribute certificates only"),
        ("RFC 5280 §5.2.5, indirectCRL",                                idp(&[0x84, 1, 0xff]),                                     "an indirect revocation list is not accepted: the list of the certificates' own CA is"),
        ("RFC 5280 §5.3.3, certificateIssuer",                          list(&revoked(&[3], &extension(&[0x55, 0x1d, 29], true, &[0x30, 0])), &[]), "an indirect revocation list is not accepted: the list of the certificates' own CA is"),
        ("RFC 5280 §5.2.4, deltaCRLIndicator",                          list(&entry, &extension(&[0x55, 0x1d, 27], true, &[2, 1, 1])), "a delta revocation list is not accepted: the complete list is"),
        ("RFC 5280 §5.3.1, removeFromCRL",                              list(&[revoked(&[3], &extension(&[0x55, 0x1d, 21], false, REMOVE_FROM_CRL)), revoked(&[4], &[])].concat(), &[]), "[[04]]"),
        ("RFC 5280 §5.2, unknown critical extension",                   list(&entry, &extension(&[0x2a, 3], true, &[5, 0])),       "the revocation list has a critical extension that is not understood: 1.2.3"),
        ("RFC 5280 §5.2, unknown extension, not critical",              list(&entry, &extension(&[0x2a, 3], false, &[5, 0])),      "[[03]]"),
        ("RFC 5280 §5.3, unknown critical extension of an entry",       list(&revoked(&[3], &extension(&[0x2a, 3], true, &[5, 0])), &[]), "an entry of the revocation list has a critical extension that is not understood: 1.2.3"),
        ("RFC 5280 §5.3, unknown extension of an entry, not critical",  list(&revoked(&[3], &extension(&[0x2a, 3], false, &[5, 0])), &[]), "[[03]]"),
        ("RFC 5280 §5.1.2.4, thisUpdate",                               ca.list(|p| { p.this_update = rcgen::date_time_ymd(2027, 6, 1); }), "the revocation list is not valid before 2027-06-01T00:00:00Z"),
        ("RFC 5280 §5.1.2.5, an old list still revokes",                ca.list(|p| p.next_update = rcgen::date_time_ymd(2026, 2, 1)), "[[00, 81, 07], [03]]"),
        ("RFC 5280 §6.3.3 (b)(1), issuer",                              other.list(|_| {}),                                        "the revocation list is not the CA's: the issuer it names is not the subject of the issuer's certificate"),
        ("RFC 5280 §6.3.3 (g), same name but another key",              namesake.list(|_| {}),                                     "the revocation list is not the CA's: the signature does not match the issuer's key"),
        ("RFC 5280 §6.3.3 (g), changed after signing",                  changed,                                                   "the revocation list is not the CA's: the signature does not match the issuer's key"),
        ("RFC 5280 §5.1.1.2",                                           two_algorithms,                                            "the revocation list names two different signature algorithms"),
        ("RFC 7468 §6",                                                 pem.clone().into_bytes(),                                  "[[00, 81, 07], [03]]"),
        ("RFC 7468 §6, two",                                            pem.repeat(2).into_bytes(),                                "exactly one PEM block labelled X509 CRL, or DER, was expected"),
        ("RFC 7468 §6, a certificate",                                  ca.certificate.to_pem().into_bytes(),                      "exactly one PEM block labelled X509 CRL, or DER, was expected"),
        ("RFC 7468 §6, not text",                                       vec![0xff],                                                "exactly one PEM block labelled X509 CRL, or DER, was expected"),
        ("RFC 5280 §5.1, a certificate",                                ca.certificate.as_der().to_vec(),                          "not a certificate revocation list in DER"),
        ("X.690 §8.1.3, cut short",                                     ca.list(|_| {})[..100].to_vec(),                           "not a certificate revocation list in DER"),
    ];
    for (citation, bytes, outcome) in table {
        assert_eq!(said(bytes, &ca.certificate), *outcome, "{citation}");
    }
}

#[test]
fn a_ca_that_may_not_sign_lists() {
    let key_usages = [(vec![KeyUsagePurpose::KeyCertSign], false), (vec![KeyUsagePurpose::CrlSign], true)];
    for (key_usages, taken) in key_usages {
        let ca = Ca::new("ca", key_usages);
        let list = RevocationList::parse(&ca.list_of(VERSION_2, &fields(&[], &[]))).unwrap();
        match list.verify(&ca.certificate, NOW) {
            Ok(()) => assert!(taken, "RFC 5280 §6.3.3 (f)"),
            Err(error) => assert!(matches!(error, CrlError::MayNotSignRevocationLists) && !taken, "{error}"),
        }
    }
}

/// Some CAs never take a certificate off their list: each entry is looked at once.
#[test]
fn a_million_entries() {
    const ENTRIES: u32 = 1_000_000;
    let ca = Ca::new("ca", vec![]);
    let reason = extension(&[0x55, 0x1d, 21], false, &[0x0a, 1, 1]);
    let mut entries = Vec::with_capacity(ENTRIES as usize * 48);
    for serial in (0..ENTRIES).rev() {
        let serial = [&[1][..], &[0xaa; 11], &serial.to_be_bytes()].concat();
        entries.extend(revoked(&serial, &reason));
    }
    let list = RevocationList::parse(&ca.list_of(VERSION_2, &fields(&entries, &[]))).unwrap();
    assert_eq!(list.revoked().len(), ENTRIES as usize);
    assert!(list.revokes(&[&[1][..], &[0xaa; 11], &777_u32.to_be_bytes()].concat()));
    assert!(!list.revokes(&[&[1][..], &[0xaa; 11], &ENTRIES.to_be_bytes()].concat()));
    assert!(list.verify(&ca.certificate, NOW).is_ok());
}
