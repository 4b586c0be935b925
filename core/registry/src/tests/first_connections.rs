//! JITR and JITP: what a device's first connection leads to.
use sekisho_identity::CertificateStatus;
use sekisho_types::{PolicyName, ThingName};
use serde_json::{Value, json};

use super::*;
use crate::{CaChoice, CaUpdate, FirstConnection, FirstConnectionError, RegistrationConfig, VouchError};

fn connect(
    registry: &mut Registry,
    presented: &PresentedCertificate,
    at: Timestamp,
) -> Result<FirstConnection, FirstConnectionError> {
    let choice = registry.first_connection_ca(presented.certificate_id())?;
    let vouched = registry.ca_candidates(presented).vouch(presented.clone(), choice, at)?;
    let mut random = dice();
    run(registry, |r| r.first_connection(at, &vouched, &mut random))
}

fn auto(asked: &mut CaRegistration) {
    asked.allow_auto_registration = true;
}

fn by_template(body: Value) -> impl FnOnce(&mut CaRegistration) {
    move |asked| {
        asked.allow_auto_registration = true;
        asked.registration_config = Some(RegistrationConfig {
            template_body: Some(body.to_string()),
            role_arn: Some("arn:aws:iam::000000000000:role/provisioning".into()),
            template_name: None,
        });
    }
}

#[test]
fn jitr_registers_tells_and_tells_again() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, auto);
    let presented = pki.presented("pump-7");
    let (id, ca) = (presented.certificate_id(), PresentedCertificate::id_of(&pki.der));
    let event = |registry: &mut Registry, at| match connect(registry, &presented, at).unwrap() {
        FirstConnection::Registered { topic, payload } => {
            assert_eq!(topic, format!("$aws/events/certificates/registered/{ca}"));
            serde_json::from_str::<Value>(&payload).unwrap()
        }
        other => panic!("{other:?}"),
    };
    let first = event(&mut registry, NOW);
    let expected = json!({
        "certificateId": id, "caCertificateId": ca, "timestamp": NOW.millis(), "certificateStatus": "PENDING_ACTIVATION",
        "awsAccountId": "000000000000", "certificateRegistrationTimestamp": null,
    });
    assert_eq!(first, expected, "ministack 1755, measured: null at first");
    assert_eq!(registry.certificate(id).unwrap().status, CertificateStatus::PendingActivation);
    let again = event(&mut registry, LATER);
    assert_eq!(again["timestamp"], LATER.millis());
    assert_eq!(again["certificateRegistrationTimestamp"], NOW.millis().to_string(), "auto-register-device-cert");
    run(&mut registry, |r| r.update_certificate(LATER, id, CertificateStatus::Active)).unwrap();
    assert!(registry.identify(id, LATER).is_ok());
}

#[test]
fn what_no_ca_vouches_for_is_not_registered() {
    let mut pki = Pki::new("Example Root");
    let mut registry = registered(&mut pki, |_| {});
    let ca = PresentedCertificate::id_of(&pki.der);
    let presented = pki.presented("pump-7");
    let refused = |registry: &mut Registry, presented: &PresentedCertificate, at| {
        let error = connect(registry, presented, at).expect_err("it should be refused");
        assert_eq!(registry.certificates().count(), 0);
        error
    };
    let error = refused(&mut registry, &presented, NOW);
    assert_eq!(error, VouchError::NoAutoRegistration(ca).into(), "auto-register-device-cert: DISABLE");
    let update = CaUpdate { active: Some(false), auto_registration: Some(true), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(NOW, ca, update)).unwrap();
    assert_eq!(refused(&mut registry, &presented, NOW), VouchError::Inactive(ca).into(), "deactivate-ca-cert");
    let update = CaUpdate { active: Some(true), ..CaUpdate::default() };
    run(&mut registry, |r| r.update_ca_certificate(NOW, ca, update)).unwrap();
    let stranger = Pki::new("Another").presented("pump-7");
    assert_eq!(refused(&mut registry, &stranger, NOW), VouchError::UnknownCa("CN=Another".into()).into());
    let forged = Pki::new("Example Root").presented("pump-7");
    assert_eq!(refused(&mut registry, &forged, NOW), VouchError::Signature(vec![ca]).into());
    register(&mut registry, &mut Pki::new("Example Root"), |_, _, _| {}).unwrap();
    let error = refused(&mut registry, &forged, NOW).to_string();
    assert_eq!(error, "the certificate is not signed by the key of any of the 2 CAs with its issuer's name");
    let expired = Timestamp::from_seconds(1_950_000_000);
    let error = refused(&mut registry, &presented, expired);
    assert!(
        matches!(&error, FirstConnectionError::Vouch(VouchError::Certificate(text)) if text.contains("expired")),
        "{error}"
    );
    let mut random = dice();
    let vouched = registry.ca_candidates(&presented).vouch(presented.clone(), CaChoice::Any, NOW).unwrap();
    let revoked = Some(CertificateStatus::Revoked);
    run(&mut registry, |r| r.register_certificate(NOW, &vouched, revoked, &mut random)).unwrap();
    let error = connect(&mut registry, &presented, NOW).expect_err("REVOKED is final");
    assert!(matches!(error, FirstConnectionError::NotPending { status: CertificateStatus::Revoked, .. }), "{error}");
}

#[test]
fn jitp_makes_everything_or_nothing() {
    let mut pki = Pki::new("Example Root");
    let template = json!({
        "Parameters": {
            "AWS::IoT::Certificate::CommonName": { "Type": "String" }, "AWS::IoT::Certificate::Id": { "Type": "String" },
        },
        "Resources": {
            "thing": { "Type": "AWS::IoT::Thing", "Properties": {
                "ThingName": { "Ref": "AWS::IoT::Certificate::CommonName" }, "AttributePayload": { "version": "v1" } } },
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": {
                "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "ACTIVE" } },
            "named": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "devices" } },
            "made": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyDocument": crate::testing::document("a") } },
        },
    });
    let mut registry = registered(&mut pki, by_template(template));
    let presented = pki.presented("pump-7");
    let id = presented.certificate_id();
    let failed = connect(&mut registry, &presented, NOW).unwrap();
    assert_eq!(failed, FirstConnection::Failed { reason: "named: Policy devices not found".into() });
    assert_eq!(registry.certificate(id).unwrap().status, CertificateStatus::PendingActivation);
    assert!(registry.things.is_empty() && registry.policies().count() == 0, "nothing of it is there");
    let mut random = dice();
    let devices = PolicyName::parse("devices").unwrap();
    let document = crate::testing::document("b");
    run(&mut registry, |r| r.create_policy(NOW, devices.clone(), &document, &mut random)).unwrap();
    assert_eq!(
        connect(&mut registry, &presented, LATER).unwrap(),
        FirstConnection::Provisioned { active: true, thing_name: Some(ThingName::parse("pump-7").unwrap()) },
        "it is tried again"
    );
    assert!(registry.identify(id, LATER).is_ok());
    let thing = registry.thing_of(id, "pump-7").unwrap();
    assert!(thing.is_attached && thing.attributes["version"] == "v1");
    assert_eq!(registry.policies_of(id, None).iter().count(), 2);
    // A second device shares the policy its template makes.
    let second = pki.presented("pump-8");
    assert!(matches!(connect(&mut registry, &second, LATER), Ok(FirstConnection::Provisioned { active: true, .. })));
    assert_eq!(registry.policies().count(), 2, "single-thing-provisioning: the name is a hash of the document");
    assert!(registry.thing(&ThingName::parse("pump-8").unwrap()).is_ok());
}

#[test]
fn a_parameter_the_certificate_lacks_fails_provisioning() {
    let mut pki = Pki::new("Example Root");
    let template = json!({
        "Parameters": { "AWS::IoT::Certificate::Country": { "Type": "String" }, "AWS::IoT::Certificate::Id": { "Type": "String" } },
        "Resources": { "certificate": { "Type": "AWS::IoT::Certificate", "Properties": { "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" } } } },
    });
    let mut registry = registered(&mut pki, by_template(template));
    let presented = pki.presented("pump-7");
    let failed = connect(&mut registry, &presented, NOW).unwrap();
    let reason = "parameter `AWS::IoT::Certificate::Country` has no value".into();
    assert_eq!(failed, FirstConnection::Failed { reason }, "jit-provisioning");
    let status = registry.certificate(presented.certificate_id()).unwrap().status;
    assert_eq!(status, CertificateStatus::PendingActivation, "jit-provisioning: nothing becomes ACTIVE");
}

#[test]
fn a_pending_certificate_outlives_the_ca_that_registered_it_by_its_key_alone() {
    let key = new_key();
    let mut old = Pki::with_key("Example Root", &key);
    let mut registry = registered(&mut old, auto);
    let presented = old.presented("pump-7");
    let registers = |outcome| matches!(outcome, Ok(FirstConnection::Registered { .. }));
    assert!(registers(connect(&mut registry, &presented, NOW)));
    let mut new = renewed(&old, &key);
    register(&mut registry, &mut new, |asked, _, _| asked.allow_auto_registration = true).unwrap();
    let [old_id, new_id] = [&old, &new].map(|pki| PresentedCertificate::id_of(&pki.der));
    let set = |registry: &mut Registry, ca, active| {
        let update = CaUpdate { active: Some(active), ..CaUpdate::default() };
        run(registry, |r| r.update_ca_certificate(LATER, ca, update)).unwrap();
    };
    set(&mut registry, old_id, false);
    let error =
        connect(&mut registry, &presented, LATER).expect_err("the one that registered it decides while it is there");
    assert_eq!(error, VouchError::Inactive(old_id).into());
    run(&mut registry, |r| r.delete_ca_certificate(old_id)).unwrap();
    assert!(registers(connect(&mut registry, &presented, LATER)), "the renewed CA has the key");
    set(&mut registry, new_id, false);
    assert_eq!(connect(&mut registry, &presented, LATER), Err(VouchError::Inactive(new_id).into()));
    run(&mut registry, |r| r.delete_ca_certificate(new_id)).unwrap();
    // A CA of the same name and another key brings nothing back.
    let mut other = Pki::new("Example Root");
    register(&mut registry, &mut other, |asked, _, _| asked.allow_auto_registration = true).unwrap();
    let other = PresentedCertificate::id_of(&other.der);
    assert_eq!(connect(&mut registry, &presented, LATER), Err(VouchError::Signature(vec![other]).into()));
    let candidates = registry.ca_candidates(&presented);
    let error = candidates.vouch(presented, CaChoice::Only(old_id), LATER).expect_err("it is deleted");
    assert_eq!(error.to_string(), format!("CA `{old_id}` is not registered with the subject `CN=Example Root`"));
}
