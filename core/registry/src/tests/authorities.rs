//! CAs registered by proof of possession, and the certificates they vouch for.
use sekisho_identity::CertificateStatus;

use super::*;
use crate::{CaChoice, CaUpdate, RegistrationConfig, RevocationListId, VouchError};

#[test]
fn the_registration_code_stays_until_it_is_deleted() {
    let (mut registry, mut random) = (Registry::new(tenant()), dice());
    let mut code = |registry: &mut Registry| {
        run(registry, |r| Ok::<_, RegistryError>(r.ensure_registration_code(&mut random))).unwrap()
    };
    let first = code(&mut registry);
    assert!(first.len() == 64 && first.bytes().all(|b| b.is_ascii_hexdigit()), "iot model: 64 hexadecimal digits");
    assert_eq!(code(&mut registry), first, "iot GetRegistrationCode: the same again");
    run(&mut registry, |r| Ok::<_, RegistryError>((r.delete_registration_code(), ()))).unwrap();
    assert_ne!(code(&mut registry), first, "iot DeleteRegistrationCode");
}

/// Spoils a registration in one place, with the CA's key and the registration code at hand.
type Spoil = fn(&mut CaRegistration, &mut Pki, &str);

#[test]
#[rustfmt::skip]
fn whoever_registers_a_ca_holds_its_key() {
    let config = |body: Option<&str>, role: Option<&str>, name: Option<&str>| RegistrationConfig {
        template_body: body.map(str::to_owned), role_arn: role.map(str::to_owned), template_name: name.map(str::to_owned),
    };
    // citation                                                 what is wrong                                                                               refused as
    let table: &[(&str, Spoil, &str)] = &[
        ("register-CA-cert: CN is the registration code",       |a, p, _| a.verification_certificate_pem = Some(p.sign("another name")),                    "RegistrationCode"),
        ("register-CA-cert: signed by the CA's key",            |a, _, c| a.verification_certificate_pem = Some(Pki::new("Example Root").sign(c)),          "CertificateValidation"),
        ("register-CA-cert: issued by the CA",                  |a, _, c| a.verification_certificate_pem = Some(Pki::new("Another").sign(c)),               "CertificateValidation"),
        ("iot model: verificationCertificate, DEFAULT",         |a, _, _| a.verification_certificate_pem = None,                                            "InvalidRequest"),
        ("iot model: verificationCertificate, SNI_ONLY",        |a, _, _| a.certificate_mode = CertificateMode::SniOnly,                                    "InvalidRequest"),
        ("not PEM",                                             |a, _, _| a.ca_certificate_pem = "nonsense".into(),                                         "CertificateValidation"),
        ("nordic 1235: not a CA",                               |a, p, _| a.ca_certificate_pem = p.sign("device"),                                          "CertificateValidation"),
    ];
    for (citation, spoil, refused) in table {
        let (mut registry, mut pki) = (Registry::new(tenant()), Pki::new("Example Root"));
        let outcome = register(&mut registry, &mut pki, spoil);
        assert_eq!(variant(outcome), *refused, "{citation}");
        assert!(registry.ca_certificates().is_empty(), "{citation}");
    }
    // citation                                                 configuration                             refused as
    let table: &[(&str, RegistrationConfig, &str)] = &[
        ("jit-provisioning: templateBody xor templateName",     config(Some("{}"), Some("r"), Some("t")), "InvalidRequest"),
        ("jit-provisioning: roleArn",                           config(Some("{}"), None, None),           "InvalidRequest"),
        ("jit-provisioning: the body is validated at the call", config(Some("{}"), Some("r"), None),      "InvalidRequest"),
        ("jit-provisioning: templateName exists",               config(None, None, Some("t")),            "NotFound"),
        ("jit-provisioning: an empty configuration",            config(None, None, None),                 "InvalidRequest"),
    ];
    for (citation, config, refused) in table {
        let (mut registry, mut pki) = (Registry::new(tenant()), Pki::new("Example Root"));
        let outcome = register(&mut registry, &mut pki, |asked, _, _| asked.registration_config = Some(config.clone()));
        assert_eq!(variant(outcome), *refused, "{citation}");
    }
}

#[test]
fn a_ca_lives_through_its_states() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, |asked| asked.set_as_active = false);
    let id = PresentedCertificate::id_of(&pki.der);
    let ca = registry.ca_certificate(id).unwrap();
    assert_eq!((ca.status(), ca.auto_registration_status(), ca.customer_version), ("INACTIVE", "DISABLE", 1));
    assert_eq!(variant(register(&mut registry, &mut pki, |_, _, _| {})), "AlreadyExists", "iot RegisterCACertificate");
    let update = CaUpdate { active: Some(true), auto_registration: Some(true), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(LATER, id, update)).unwrap();
    let ca = registry.ca_certificate(id).unwrap();
    assert_eq!((ca.status(), ca.auto_registration_status(), ca.customer_version), ("ACTIVE", "ENABLE", 2));
    assert_eq!(variant(registry.delete_ca_certificate(id)), "CertificateState", "iot DeleteCACertificate: ACTIVE");
    let update = CaUpdate { active: Some(false), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(LATER, id, update)).unwrap();
    run(&mut registry, |r| r.delete_ca_certificate(id)).unwrap();
    assert_eq!(variant(registry.ca_certificate(id)), "NotFound");
    register(&mut registry, &mut pki, |_, _, _| {}).expect("it can be registered again");
}

#[test]
fn ten_cas_share_a_subject_and_the_eleventh_is_refused() {
    let mut registry = Registry::new(tenant());
    for n in 0..11 {
        let outcome = register(&mut registry, &mut Pki::new("Example Root"), |_, _, _| {});
        match n {
            10 => assert_eq!(variant(outcome), "LimitExceeded", "iot quotas: CAs with one subject"),
            _ => drop(outcome.unwrap()),
        }
    }
}

/// As the API does it: signatures first, then the command.
fn register_certificate(
    registry: &mut Registry,
    presented: PresentedCertificate,
    choice: CaChoice,
    status: Option<CertificateStatus>,
) -> Result<crate::Certificate, RegistryError> {
    let vouched = registry.ca_candidates(&presented).vouch(presented, choice, NOW)?;
    run(registry, |r| r.register_certificate(NOW, &vouched, status, &mut dice()))
}

#[test]
fn a_certificate_is_registered_by_the_ca_that_signed_it() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, |_| {});
    let presented = pki.presented("pump-7");
    let registered = register_certificate(&mut registry, presented.clone(), CaChoice::Sole, None).unwrap();
    let ca = PresentedCertificate::id_of(&pki.der);
    assert_eq!(registered.status, CertificateStatus::Inactive, "iot RegisterCertificate: status absent");
    assert_eq!(registered.ca_certificate_id, Some(ca));
    assert_eq!(registry.certificates_by_ca(ca).count(), 1, "iot ListCertificatesByCA");
    let refused = |registry: &mut Registry, presented, status| {
        variant(register_certificate(registry, presented, CaChoice::Sole, status))
    };
    assert_eq!(refused(&mut registry, presented, None), "AlreadyExists");
    let stranger = Pki::new("Another").presented("pump-8");
    assert_eq!(refused(&mut registry, stranger, None), "CertificateValidation", "CA not registered");
    let forged = Pki::new("Example Root").presented("pump-8");
    assert_eq!(refused(&mut registry, forged, None), "CertificateValidation", "signature");
    let pending = Some(CertificateStatus::PendingActivation);
    assert_eq!(
        refused(&mut registry, pki.presented("pump-9"), pending),
        "CertificateState",
        "ministack 1755, measured"
    );
    let update = CaUpdate { active: Some(false), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(LATER, ca, update)).unwrap();
    let inactive = refused(&mut registry, pki.presented("pump-9"), None);
    assert_eq!(inactive, "CertificateState", "register-CA-cert: the CA must be ACTIVE");
    assert!(registry.certificate(registered.certificate_id).is_ok(), "deactivate-ca-cert: what is registered stays");
}

#[test]
fn a_ca_that_fell_between_signature_and_commit_vouches_no_more() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, |_| {});
    let ca = PresentedCertificate::id_of(&pki.der);
    let presented = pki.presented("pump-7");
    let vouched = registry.ca_candidates(&presented).vouch(presented, CaChoice::Sole, NOW).unwrap();
    let update = CaUpdate { active: Some(false), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(LATER, ca, update)).unwrap();
    let refused = registry.register_certificate(LATER, &vouched, None, &mut dice());
    assert_eq!(variant(refused), "CertificateState");
    let expired = Timestamp::from_seconds(2_000_000_001);
    let refused =
        registry.ca_candidates(vouched.presented()).vouch(vouched.presented().clone(), CaChoice::Any, expired);
    assert!(matches!(refused, Err(VouchError::Inactive(_))));
    let update = CaUpdate { active: Some(true), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(LATER, ca, update)).unwrap();
    let refused =
        registry.ca_candidates(vouched.presented()).vouch(vouched.presented().clone(), CaChoice::Any, expired);
    assert!(matches!(refused, Err(VouchError::Expired(_))), "a CA that has expired vouches for nobody");
}

#[test]
fn two_cas_of_one_name_and_key_need_to_be_told_apart() {
    let key = new_key();
    let mut one = Pki::with_key("Example Root", &key);
    let mut registry = registered(&mut one, |_| {});
    let mut two = renewed(&one, &key);
    register(&mut registry, &mut two, |_, _, _| {}).unwrap();
    let presented = one.presented("pump-7");
    let refused = register_certificate(&mut registry, presented.clone(), CaChoice::Sole, None);
    assert_eq!(variant(refused), "CertificateConflict", "iot RegisterCertificate: CertificateConflictException");
    let second = PresentedCertificate::id_of(&two.der);
    let named = register_certificate(&mut registry, presented, CaChoice::Only(second), None).unwrap();
    assert_eq!(named.ca_certificate_id, Some(second));
}

#[test]
fn what_a_key_has_revoked_is_revoked_whichever_certificate_holds_the_key() {
    let (key, mut random) = (new_key(), dice());
    let mut one = Pki::with_key("Example Root", &key);
    let mut registry = registered(&mut one, |_| {});
    let mut two = renewed(&one, &key);
    register(&mut registry, &mut two, |_, _, _| {}).unwrap();
    let first = PresentedCertificate::id_of(&one.der);
    let (known, unknown, alone) = (one.presented("pump-7"), one.presented("pump-8"), one.presented("pump-9"));
    let known = register_certificate(&mut registry, known, CaChoice::Only(first), None).unwrap();
    let pem = alone.to_pem();
    let without = run(&mut registry, |r| r.register_certificate_without_ca(NOW, &pem, None, &mut random)).unwrap();
    let spared = register_certificate(&mut registry, one.presented("pump-6"), CaChoice::Only(first), None).unwrap();
    let serials = [&*known.der, unknown.as_der(), alone.as_der()]
        .map(|der| PresentedCertificate::parse(der).unwrap().serial_number().to_vec());
    // The list was verified by the renewed CA.
    let id = RevocationListId::new(&PresentedCertificate::parse(&two.der).unwrap(), &[]);
    let events = registry.import_revocation_list(&id, (NOW, None), serials.into_iter()).unwrap();
    run(&mut registry, |_| Ok::<_, RegistryError>((events, ()))).unwrap();
    let mut listed = registry.revocation_sweep().unwrap().listed();
    listed.sort_unstable();
    let mut expected = vec![known.certificate_id, without.certificate_id];
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert!(!listed.contains(&spared.certificate_id));
    let revoked = CertificateStatus::Revoked;
    assert_eq!(run(&mut registry, |r| Ok::<_, RegistryError>(r.revoke(LATER, &listed, revoked))).unwrap(), 2);
    assert!(registry.revocation_sweep().unwrap().listed().is_empty(), "nothing is left to do");
    for choice in [CaChoice::Any, CaChoice::Only(first), CaChoice::Only(PresentedCertificate::id_of(&two.der))] {
        let refused = register_certificate(&mut registry, unknown.clone(), choice, None);
        assert_eq!(variant(refused), "CertificateValidation", "{choice:?}");
    }
    let older = registry.import_revocation_list(&id, (Timestamp::from_seconds(1), None), std::iter::empty());
    assert_eq!(variant(older), "InvalidRequest", "RFC 5280 §5.1.2.4: the newest counts");
    // A part beside it takes nothing away from the whole.
    let part = RevocationListId::new(&PresentedCertificate::parse(&two.der).unwrap(), b"part");
    let events = registry.import_revocation_list(&part, (NOW, None), std::iter::empty()).unwrap();
    run(&mut registry, |_| Ok::<_, RegistryError>((events, ()))).unwrap();
    assert_eq!(variant(register_certificate(&mut registry, unknown, CaChoice::Any, None)), "CertificateValidation");
}

#[test]
fn a_list_counts_from_the_moment_it_is_whole() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, |_| {});
    let presented = pki.presented("pump-7");
    let id = RevocationListId::new(&PresentedCertificate::parse(&pki.der).unwrap(), &[]);
    // More than one portion, the certificate's number among them.
    let serials = (0..12_000_u32).map(|n| n.to_be_bytes().to_vec()).chain([presented.serial_number().to_vec()]);
    let events = registry.import_revocation_list(&id, (NOW, None), serials).unwrap();
    assert!(events.len() > 3 && events.iter().all(|event| serde_json::to_string(event).unwrap().len() < 256 * 1024));
    let (last, all_but_last) = events.split_last().unwrap();
    for event in all_but_last {
        run(&mut registry, |_| Ok::<_, RegistryError>((vec![event.clone()], ()))).unwrap();
    }
    let vouched = registry.ca_candidates(&presented).vouch(presented, CaChoice::Any, NOW).unwrap();
    assert!(registry.register_certificate(NOW, &vouched, None, &mut dice()).is_ok());
    run(&mut registry, |_| Ok::<_, RegistryError>((vec![last.clone()], ()))).unwrap();
    assert_eq!(variant(registry.register_certificate(NOW, &vouched, None, &mut dice())), "CertificateValidation");
}

#[test]
fn a_transfer_shows_the_senders_side() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, |_| {});
    let presented = pki.presented("pump-7");
    let id = register_certificate(&mut registry, presented, CaChoice::Sole, None).unwrap().certificate_id;
    let account = |text: &str| sekisho_types::AccountId::parse(text).unwrap();
    let ours = registry.transfer_certificate(NOW, id, account("000000000000"), None);
    assert_eq!(variant(ours), "InvalidRequest", "transfer-cert: to another account");
    let message = Some("yours".to_owned());
    let arn = run(&mut registry, |r| r.transfer_certificate(NOW, id, account("111111111111"), message)).unwrap();
    assert_eq!(arn, format!("arn:aws:iot:eu-north-1:111111111111:cert/{id}"), "iot TransferCertificate: output");
    assert_eq!(registry.certificate(id).unwrap().status, CertificateStatus::PendingTransfer);
    assert_eq!(registry.outgoing_certificates().count(), 1);
    assert_eq!(variant(registry.update_certificate(NOW, id, CertificateStatus::Active)), "CertificateState");
    assert_eq!(variant(registry.incoming_transfer(id)), "NotFound", "nobody sends us anything");
    run(&mut registry, |r| r.cancel_certificate_transfer(LATER, id)).unwrap();
    assert_eq!(registry.certificate(id).unwrap().status, CertificateStatus::Inactive, "iot CancelCertificateTransfer");
    assert_eq!(registry.outgoing_certificates().count(), 0);
    run(&mut registry, |r| r.update_certificate(LATER, id, CertificateStatus::Active)).unwrap();
    let active = registry.transfer_certificate(NOW, id, account("111111111111"), None);
    assert_eq!(variant(active), "CertificateState", "iot TransferCertificate: must not be ACTIVE");
}
