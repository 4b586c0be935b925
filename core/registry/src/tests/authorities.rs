//! CAs registered by proof of possession, and the certificates they vouch for.
use sekisho_identity::CertificateStatus;

use super::*;
use crate::{CaUpdate, RegistrationConfig, RevocationRecord, VouchError};

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

#[test]
fn a_certificate_is_registered_by_the_ca_that_signed_it() {
    let (mut pki, mut random) = (Pki::new("Example Root"), dice());
    let mut registry = registered(&mut pki, |_| {});
    let pem = pki.sign("pump-7");
    let registered = run(&mut registry, |r| r.register_certificate(NOW, &pem, None, None, &mut random)).unwrap();
    let ca = PresentedCertificate::id_of(&pki.der);
    assert_eq!(registered.status, CertificateStatus::Inactive, "iot RegisterCertificate: status absent");
    assert_eq!(registered.ca_certificate_id, Some(ca));
    assert_eq!(registry.certificates_by_ca(ca).count(), 1, "iot ListCertificatesByCA");
    let again = registry.register_certificate(NOW, &pem, None, None, &mut random);
    assert_eq!(variant(again), "AlreadyExists");
    let stranger = Pki::new("Another").sign("pump-8");
    let refused = registry.register_certificate(NOW, &stranger, None, None, &mut random);
    assert_eq!(variant(refused), "CertificateValidation", "iot RegisterCertificate: CA not registered");
    let forged = Pki::new("Example Root").sign("pump-8");
    let refused = registry.register_certificate(NOW, &forged, None, None, &mut random);
    assert_eq!(variant(refused), "CertificateValidation", "iot RegisterCertificate: signature");
    let pending = Some(CertificateStatus::PendingActivation);
    let refused = registry.register_certificate(NOW, &pki.sign("pump-9"), None, pending, &mut random);
    assert_eq!(variant(refused), "CertificateState", "ministack 1755, measured");
    let update = CaUpdate { active: Some(false), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(LATER, ca, update)).unwrap();
    let refused = registry.register_certificate(NOW, &pki.sign("pump-9"), None, None, &mut random);
    assert_eq!(variant(refused), "CertificateState", "register-CA-cert: the CA must be ACTIVE");
    assert!(registry.certificate(registered.certificate_id).is_ok(), "deactivate-ca-cert: what is registered stays");
}

#[test]
fn two_cas_of_one_name_and_key_need_to_be_told_apart() {
    let (key, mut random) = (new_key(), dice());
    let mut one = Pki::with_key("Example Root", &key);
    let mut registry = registered(&mut one, |_| {});
    // The same name and key, another certificate.
    let mut two = Pki::with_key("Example Root", &key);
    two.der = {
        let mut random = |out: &mut [u8]| out.fill(0x7e);
        let lifetime = Lifetime::until(NOW, Timestamp::from_seconds(2_000_000_001));
        issue_ca(&two.key, &DistinguishedName::common_name("Example Root"), lifetime, &mut random).unwrap()
    };
    register(&mut registry, &mut two, |_, _, _| {}).unwrap();
    let pem = one.sign("pump-7");
    let refused = registry.register_certificate(NOW, &pem, None, None, &mut random);
    assert_eq!(variant(refused), "CertificateConflict", "iot RegisterCertificate: CertificateConflictException");
    let named = run(&mut registry, |r| r.register_certificate(NOW, &pem, Some(&two.pem()), None, &mut random)).unwrap();
    assert_eq!(named.ca_certificate_id, Some(PresentedCertificate::id_of(&two.der)));
}

#[test]
fn what_a_ca_has_revoked_is_not_registered() {
    let (mut pki, mut random) = (Pki::new("Example Root"), dice());
    let mut registry = registered(&mut pki, |_| {});
    let (known, unknown) = (pki.sign("pump-7"), pki.presented("pump-8"));
    let known = run(&mut registry, |r| r.register_certificate(NOW, &known, None, None, &mut random)).unwrap();
    let serial = |der: &[u8]| crate::registry::hex(PresentedCertificate::parse(der).unwrap().serial_number());
    let list = RevocationRecord {
        ca_certificate_id: PresentedCertificate::id_of(&pki.der),
        this_update: NOW,
        next_update: None,
        serial_numbers: [serial(&known.der), serial(unknown.as_der())].into(),
    };
    run(&mut registry, |r| r.import_revocation_list(list.clone())).unwrap();
    let revoked = [known.certificate_id];
    let changed = run(&mut registry, |r| Ok::<_, RegistryError>(r.revoke(LATER, &revoked, CertificateStatus::Revoked)));
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(registry.certificate(known.certificate_id).unwrap().status, CertificateStatus::Revoked);
    let refused = registry.register_certificate(LATER, &unknown.to_pem(), None, None, &mut random);
    assert_eq!(variant(refused), "CertificateValidation");
    let older = RevocationRecord { this_update: Timestamp::from_seconds(1), ..list };
    assert_eq!(
        variant(registry.import_revocation_list(older)),
        "InvalidRequest",
        "RFC 5280 §5.1.2.4: the newest counts"
    );
    assert!(matches!(registry.vouch(&unknown, None, LATER), Err(VouchError::Revoked(_))));
}

#[test]
fn a_transfer_shows_the_senders_side() {
    let (mut pki, mut random) = (Pki::new("Example Root"), dice());
    let mut registry = registered(&mut pki, |_| {});
    let active = Some(CertificateStatus::Active);
    let pem = pki.sign("pump-7");
    let id =
        run(&mut registry, |r| r.register_certificate(NOW, &pem, None, active, &mut random)).unwrap().certificate_id;
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
    let inactive = registry.transfer_certificate(NOW, id, account("111111111111"), None);
    assert_eq!(variant(inactive), "CertificateState", "iot TransferCertificate: not ACTIVE");
}
