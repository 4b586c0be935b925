//! The path to a root, and each way in which there is none.
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, SanType,
};

use super::*;
use crate::{PEM_CERTIFICATE, decode_pem};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn until(year: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    params
}

fn ca(name: &str, is_ca: IsCa) -> (CertificateParams, KeyPair, Vec<u8>) {
    let mut params = until(2040);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    if !matches!(params.is_ca, IsCa::NoCa | IsCa::ExplicitNoCa) {
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    }
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    (params, key, der)
}

fn signed(params: CertificateParams, by: &CertificateParams, with: &KeyPair) -> Vec<u8> {
    params.signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(by, with)).unwrap().der().to_vec()
}

fn device(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = until(2040);
    params.distinguished_name.push(DnType::CommonName, "pump-7");
    change(&mut params);
    params
}

#[test]
fn one_certificate_under_one_root() {
    type Change = fn(&mut CertificateParams);
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
    #[rustfmt::skip] // citation                              certificate                                               outcome
    let table: &[(&str, Change, Result<(), PathError>)] = &[
        ("RFC 5280 §6.1",                                     |_| {},                                                  Ok(())),
        ("RFC 5280 §6.1.3 (a)(2), notAfter",                  |p| p.not_after = rcgen::date_time_ymd(2021, 1, 1),      Err(PathError::Expired)),
        ("RFC 5280 §6.1.3 (a)(2), notBefore",                 |p| p.not_before = rcgen::date_time_ymd(2039, 1, 1),     Err(PathError::NotYetValid)),
        ("RFC 5280 §4.2.1.12, absent: any use",               |p| p.extended_key_usages = vec![],                      Ok(())),
        ("RFC 5280 §4.2.1.12",                                |p| p.extended_key_usages = vec![ClientAuth],            Ok(())),
        ("RFC 5280 §4.2.1.12, another use only",              |p| p.extended_key_usages = vec![ServerAuth],            Err(PathError::NotForClients)),
        ("RFC 5280 §4.2.1.12, any use",                       |p| p.extended_key_usages = vec![Any],                   Ok(())),
        ("RFC 5280 §4.2, unknown critical extension",         |p| p.custom_extensions = vec![unknown(true)],           Err(PathError::CriticalExtension)),
        ("RFC 5280 §4.2, unknown extension, not critical",    |p| p.custom_extensions = vec![unknown(false)],          Ok(())),
        ("RFC 5280 §4.2.1.3, keyUsage of an end entity",      |p| p.key_usages = vec![KeyUsagePurpose::DigitalSignature], Ok(())),
        ("RFC 5280 §4.2.1.9, CA presented as a device",       |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), Err(PathError::CaAsEndEntity)),
    ];
    let (root, key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    for (citation, change, outcome) in table {
        let der = signed(device(change), &root, &key);
        assert_eq!(verify_chain(&der, &[], &[&root_der], NOW), *outcome, "{citation}");
    }
}

#[test]
fn issuers() {
    let (root, root_key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    let (_, other_key, other_der) = ca("other", IsCa::Ca(BasicConstraints::Unconstrained));
    let (same_name, same_name_key, _) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    let (middle, middle_key, _) = ca("middle", IsCa::Ca(BasicConstraints::Unconstrained));
    let middle_der = signed_key(middle.clone(), &middle_key, &root, &root_key);
    let (no_ca, no_ca_key, _) = ca("no ca", IsCa::ExplicitNoCa);
    let no_ca_der = signed_key(no_ca.clone(), &no_ca_key, &root, &root_key);
    let (short, short_key, _) = ca("short", IsCa::Ca(BasicConstraints::Constrained(0)));
    let short_der = signed_key(short.clone(), &short_key, &root, &root_key);
    let under_short_der = signed_key(middle.clone(), &middle_key, &short, &short_key);

    let through_middle = signed(device(|_| {}), &middle, &middle_key);
    let through_no_ca = signed(device(|_| {}), &no_ca, &no_ca_key);
    let forged = signed(device(|_| {}), &same_name, &same_name_key);
    let direct = signed(device(|_| {}), &root, &root_key);
    let wrong_key = signed(device(|_| {}), &root, &other_key);

    type Row<'a> = (&'static str, &'a [u8], &'a [&'a [u8]], &'a [&'a [u8]], Result<(), PathError>);
    #[rustfmt::skip] // citation                                      end entity       intermediates          roots                     outcome
    let table: &[Row<'_>] = &[
        ("RFC 5280 §6.1, two steps",                                  &through_middle, &[&middle_der],        &[&root_der],             Ok(())),
        ("RFC 5280 §6.1, the intermediate is missing",                &through_middle, &[],                   &[&root_der],             Err(PathError::UnknownIssuer)),
        ("RFC 5280 §6.1, one of several roots",                       &direct,         &[],                   &[&other_der, &root_der], Ok(())),
        ("RFC 5280 §6.1, another root",                               &direct,         &[],                   &[&other_der],            Err(PathError::UnknownIssuer)),
        ("RFC 5280 §6.1, no root",                                    &direct,         &[],                   &[],                      Err(PathError::UnknownIssuer)),
        ("RFC 5280 §6.1.3 (a)(1), same name but another key",         &forged,         &[],                   &[&root_der],             Err(PathError::Signature)),
        ("RFC 5280 §6.1.3 (a)(1), signed with another key",           &wrong_key,      &[],                   &[&root_der],             Err(PathError::Signature)),
        ("RFC 5280 §6.1.4 (k), CA:FALSE",                             &through_no_ca,  &[&no_ca_der],         &[&root_der],             Err(PathError::IssuerNotCa)),
        ("RFC 5280 §6.1.4 (l), pathLenConstraint",                    &through_middle, &[&under_short_der, &short_der], &[&root_der],   Err(PathError::PathLength)),
        ("RFC 5280 §6.1, a sent root is harmless",                    &direct,         &[&root_der],          &[&root_der],             Ok(())),
    ];
    for (citation, end_entity, intermediates, roots, outcome) in table {
        assert_eq!(verify_chain(end_entity, intermediates, roots, NOW), *outcome, "{citation}");
    }
    assert!(matches!(verify_chain(&[0x30, 0], &[], &[&root_der], NOW), Err(PathError::Unusable(_))));
    let mut broken = direct.clone();
    *broken.last_mut().unwrap() ^= 1;
    assert!(verify_chain(&broken, &[], &[&root_der], NOW).is_err());
}

fn signed_key(params: CertificateParams, key: &KeyPair, by: &CertificateParams, with: &KeyPair) -> Vec<u8> {
    params.signed_by(key, &Issuer::from_params(by, with)).unwrap().der().to_vec()
}

/// An extension of 1.3.6.1.4.1.32473, the enterprise for examples (RFC 5612).
fn unknown(critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 32473, 1], vec![5, 0]);
    extension.set_criticality(critical);
    extension
}

/// `change` is made to an intermediate; a device under it is checked.
#[test]
fn one_intermediate() {
    type Change = fn(&mut CertificateParams);
    let constrained = |permitted: &[&str], excluded: &[&str]| {
        let subtrees = |names: &[&str]| names.iter().map(|name| GeneralSubtree::DnsName((*name).into())).collect();
        Some(NameConstraints { permitted_subtrees: subtrees(permitted), excluded_subtrees: subtrees(excluded) })
    };
    let any: Change = |_| {};
    type Row<'a> = (&'static str, &'a dyn Fn(&mut CertificateParams), Result<(), PathError>);
    #[rustfmt::skip] // citation                              intermediate                                                    outcome
    let table: &[Row<'_>] = &[
        ("RFC 5280 §6.1",                                     &any,                                                           Ok(())),
        ("RFC 5280 §6.1.3 (a)(2), notAfter",                  &|p| p.not_after = rcgen::date_time_ymd(2021, 1, 1),            Err(PathError::Expired)),
        ("RFC 5280 §6.1.3 (a)(2), notBefore",                 &|p| p.not_before = rcgen::date_time_ymd(2039, 1, 1),           Err(PathError::NotYetValid)),
        ("RFC 5280 §4.2.1.12, a CA for servers",              &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth], Err(PathError::NotForClients)),
        ("RFC 5280 §4.2.1.12, a CA for clients",              &|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth], Ok(())),
        ("RFC 5280 §6.1.4 (k), CA:FALSE",                     &|p| p.is_ca = IsCa::ExplicitNoCa,                              Err(PathError::IssuerNotCa)),
        ("RFC 5280 §6.1.4 (k), no basicConstraints",          &|p| p.is_ca = IsCa::NoCa,                                      Err(PathError::IssuerNotCa)),
        ("RFC 5280 §6.1.4 (n), keyCertSign among others",     &|p| p.key_usages.push(KeyUsagePurpose::CrlSign),               Ok(())),
        ("RFC 5280 §6.1.4 (n), no keyUsage",                  &|p| p.key_usages = vec![],                                     Ok(())),
        ("RFC 5280 §6.1.4 (n), no keyCertSign",               &|p| p.key_usages = vec![KeyUsagePurpose::CrlSign],             Err(PathError::IssuerMayNotSign)),
        ("RFC 5280 §6.1.4 (o), unknown critical extension",   &|p| p.custom_extensions = vec![unknown(true)],                 Err(PathError::CriticalExtension)),
        ("RFC 5280 §6.1.4 (o), not critical",                 &|p| p.custom_extensions = vec![unknown(false)],                Ok(())),
        ("RFC 5280 §6.1.3 (b), permitted",                    &|p| p.name_constraints = constrained(&["plant.example"], &[]), Ok(())),
        ("RFC 5280 §6.1.3 (b), not permitted",                &|p| p.name_constraints = constrained(&["lake.example"], &[]),  Err(PathError::NameConstraint)),
        ("RFC 5280 §6.1.3 (c), excluded",                     &|p| p.name_constraints = constrained(&[], &["plant.example"]), Err(PathError::NameConstraint)),
        ("RFC 5280 §6.1.3 (c), another is excluded",          &|p| p.name_constraints = constrained(&[], &["lake.example"]),  Ok(())),
        ("RFC 5280 §6.1.4 (m), pathLenConstraint of zero",    &|p| p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)),      Ok(())),
    ];
    let (root, root_key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    let (middle, middle_key, _) = ca("middle", IsCa::Ca(BasicConstraints::Unconstrained));
    for (citation, change, outcome) in table {
        let mut middle = middle.clone();
        change(&mut middle);
        let middle_der = signed_key(middle.clone(), &middle_key, &root, &root_key);
        middle.key_usages = vec![KeyUsagePurpose::KeyCertSign]; // the signing library asks for it, whatever the certificate says
        let named =
            device(|p| p.subject_alt_names = vec![SanType::DnsName("pump-7.plant.example".try_into().unwrap())]);
        let der = signed(named, &middle, &middle_key);
        assert_eq!(verify_chain(&der, &[&middle_der], &[&root_der], NOW), *outcome, "{citation}");
    }
}

macro_rules! certificate {
    ($name:literal) => {
        include_str!(concat!("../../tests/certificates/", $name, ".pem"))
    };
}

#[test]
fn keys_and_signatures() {
    #[rustfmt::skip] // citation                                         end entity                              root                          outcome
    let table: &[(&str, &str, &str, &str)] = &[
        ("RFC 4055 §5",                                                  certificate!("rsa2048_sha256"),         certificate!("rsa2048_ca"),   "ok"),
        ("RFC 4055 §3.1",                                                certificate!("rsa2048_pss_sha256"),     certificate!("rsa2048_ca"),   "ok"),
        ("RFC 4055 §3.1",                                                certificate!("rsa2048_pss_sha512"),     certificate!("rsa2048_ca"),   "ok"),
        ("RFC 5758 §3.2",                                                certificate!("p256_sha512"),            certificate!("p256_ca"),      "ok"),
        ("RFC 5280 §6.1.1 (d): how a root is signed does not matter",    certificate!("rsa2048_sha256"),         certificate!("rsa2048_ca_sha1"), "ok"),
        ("RFC 6194 §3.1: SHA-1 can be collided",                         certificate!("rsa2048_sha1"),           certificate!("rsa2048_ca"),   "a certificate on the path cannot be believed: signature algorithm SHA-1 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ("RFC 6194 §3.1: SHA-1 can be collided",                         certificate!("p256_sha1"),              certificate!("p256_ca"),      "a certificate on the path cannot be believed: signature algorithm SHA-1 with ECDSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ("RFC 6151 §2.1: MD5 can be collided",                           certificate!("rsa2048_md5"),            certificate!("rsa2048_ca"),   "a certificate on the path cannot be believed: signature algorithm MD5 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ("AWS, X.509 client certificates: no SHA-224",                   certificate!("rsa2048_sha224"),         certificate!("rsa2048_ca"),   "a certificate on the path cannot be believed: signature algorithm SHA-224 with RSA is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ("RFC 4055 §3.1: the default hash is SHA-1",                     certificate!("rsa2048_pss_sha1"),       certificate!("rsa2048_ca"),   "a certificate on the path cannot be believed: signature algorithm RSASSA-PSS with unusual parameters is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ("AWS, X.509 client certificates: no Ed25519",                   certificate!("under_ed25519"),          certificate!("ed25519_ca"),   "a certificate on the path cannot be believed: signature algorithm Ed25519 is not accepted: RSA or ECDSA with SHA-256, SHA-384 or SHA-512 is"),
        ("AWS, X.509 client certificates: RSA of at least 2048 bits",    certificate!("rsa1024_key"),            certificate!("rsa2048_ca"),   "a key on the path is of type RSA-1024: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
        ("AWS, X.509 client certificates: the same, of the CA",          certificate!("under_rsa1024"),          certificate!("rsa1024_ca"),   "a key on the path is of type RSA-1024: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
        ("AWS, X.509 client certificates: curves",                       certificate!("secp256k1_key"),          certificate!("p256_ca"),      "a key on the path is of type algorithm 1.3.132.0.10: RSA of at least 2048 bits, P-256, P-384 or P-521 is accepted"),
        ("RFC 5280 §4.1.2.1",                                            certificate!("version1"),               certificate!("p256_ca"),      "a certificate on the path is not X.509 version 3"),
    ];
    let der = |text| decode_pem(&[PEM_CERTIFICATE], text).unwrap().remove(0);
    for (citation, end_entity, root, outcome) in table {
        let seen = verify_chain(&der(end_entity), &[], &[&der(root)], NOW);
        let seen = seen.map_or_else(|error| error.to_string(), |()| "ok".into());
        assert_eq!(seen, *outcome, "{citation}");
    }
    let (root, root_key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    for algorithm in [&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = signed_key(device(|_| {}), &key, &root, &root_key);
        assert_eq!(verify_chain(&der, &[], &[&root_der], NOW), Ok(()), "RFC 5480 §2.1.1.1, {algorithm:?}");
        let mut large = until(2040);
        large.distinguished_name.push(DnType::CommonName, "large");
        large.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let large_der = large.self_signed(&key).unwrap().der().to_vec();
        let der = signed(device(|_| {}), &large, &key);
        assert_eq!(verify_chain(&der, &[], &[&large_der], NOW), Ok(()), "RFC 5480 §2.1.1.1, {algorithm:?}");
    }
}

#[test]
fn cross_signed() {
    let (old, old_key, old_der) = ca("old", IsCa::Ca(BasicConstraints::Unconstrained));
    let (new, new_key, new_der) = ca("new", IsCa::Ca(BasicConstraints::Unconstrained));
    let new_by_old = signed_key(new.clone(), &new_key, &old, &old_key);
    let old_by_new = signed_key(old.clone(), &old_key, &new, &new_key);
    let under_new = signed(device(|_| {}), &new, &new_key);
    let under_old = signed(device(|_| {}), &old, &old_key);
    let both: &[&[u8]] = &[&new_by_old, &old_by_new];
    type Row<'a> = (&'static str, &'a [u8], &'a [&'a [u8]], &'a [u8], Result<(), PathError>);
    #[rustfmt::skip] // citation                                                  end entity   intermediates root       outcome
    let table: &[Row<'_>] = &[
        ("RFC 4158 §2.4.3, by its own root",                                      &under_new,  both,         &new_der,  Ok(())),
        ("RFC 4158 §2.4.3, by the root that signed the CA",                       &under_new,  both,         &old_der,  Ok(())),
        ("RFC 4158 §2.4.3, the other way round",                                  &under_old,  both,         &new_der,  Ok(())),
        ("RFC 4158 §2.4.3, the other way round",                                  &under_old,  both,         &old_der,  Ok(())),
        ("RFC 4158 §2.4.3, a cross certificate is a root where it is registered", &under_new,  &[],          &new_by_old, Ok(())),
        ("RFC 4158 §2.4.3, the cross certificate is missing",                     &under_new,  &[],          &old_der,  Err(PathError::UnknownIssuer)),
    ];
    for (citation, end_entity, intermediates, root, outcome) in table {
        assert_eq!(verify_chain(end_entity, intermediates, &[root], NOW), *outcome, "{citation}");
    }
    let (_, _, stranger) = ca("stranger", IsCa::Ca(BasicConstraints::Unconstrained));
    let looping = verify_chain(&under_new, both, &[&stranger], NOW);
    assert_eq!(looping, Err(PathError::UnknownIssuer), "RFC 4158 §5.2, two CAs that signed each other, and no root");
    assert_eq!(verify_chain(&under_new, both, &[], NOW), Err(PathError::UnknownIssuer), "RFC 4158 §5.2");
}

/// RFC 4158 §2.4.2: a path is found, or given up, in a time that a stranger cannot stretch.
#[test]
fn long_and_branching_paths_end() {
    let (mut above, mut above_key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    let mut intermediates: Vec<Vec<u8>> = Vec::new();
    let mut outcomes = Vec::new();
    for depth in 1..=50 {
        let (next, next_key, _) = ca(&format!("middle {depth}"), IsCa::Ca(BasicConstraints::Unconstrained));
        intermediates.push(signed_key(next.clone(), &next_key, &above, &above_key));
        (above, above_key) = (next, next_key);
        let der = signed(device(|_| {}), &above, &above_key);
        let sent: Vec<&[u8]> = intermediates.iter().map(Vec::as_slice).collect();
        outcomes.push(verify_chain(&der, &sent, &[&root_der], NOW));
    }
    assert!(outcomes[..6].iter().all(Result::is_ok));
    assert!(outcomes[6..].iter().all(|outcome| *outcome == Err(PathError::TooLong)), "{outcomes:?}");

    // As many CAs as may be sent, each of which could have signed each: as many paths as there can be.
    let twins: Vec<_> = (0..INTERMEDIATES_MAX).map(|_| ca("twin", IsCa::Ca(BasicConstraints::Unconstrained))).collect();
    let sent: Vec<&[u8]> = twins.iter().map(|(.., der)| der.as_slice()).collect();
    let der = signed(device(|_| {}), &twins[0].0, &twins[0].1);
    for root in [&root_der, &ca("twin", IsCa::Ca(BasicConstraints::Unconstrained)).2] {
        let outcome = verify_chain(&der, &sent, &[root], NOW);
        assert!(matches!(outcome, Err(PathError::TooLong | PathError::Signature)), "{outcome:?}");
    }
}

#[test]
fn a_root_that_cannot_be_read_hinders_no_other() {
    let (root, key, root_der) = ca("root", IsCa::Ca(BasicConstraints::Unconstrained));
    let der = signed(device(|_| {}), &root, &key);
    assert_eq!(verify_chain(&der, &[], &[&[0x30, 0], &root_der], NOW), Ok(()));
    assert!(matches!(verify_chain(&der, &[], &[&[0x30, 0]], NOW), Err(PathError::Unusable(_))));
}
