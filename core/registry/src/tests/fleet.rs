//! Claims, ownership tokens, bulk registration.
use sekisho_identity::CertificateStatus;
use sekisho_provisioning::TemplateType;
use sekisho_types::CertificateId;

use super::*;
use crate::{LineOutcome, NewTemplate, TaskStatus};

/// Whoever asks.
const CLAIM: CertificateId = CertificateId::new([7; 32]);
const BODY: &str = r#"{"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":"x"}}}}"#;

#[test]
fn a_token_is_good_for_an_hour_and_takes_an_unused_certificate_along() {
    let (mut registry, mut random, mut pki) = (Registry::new(tenant()), dice(), Pki::new("test"));
    let mut claimed = |registry: &mut Registry, name: &str| {
        let der = pki.presented(name).as_der().to_vec();
        run(registry, |r| r.add_claimed_certificate(NOW, &der, format!("sha256 of {name}"), CLAIM, &mut random))
            .unwrap()
    };
    let (unused, activated) = (claimed(&mut registry, "unused"), claimed(&mut registry, "activated"));
    assert_eq!(unused.status, CertificateStatus::PendingActivation, "fleet-provision-api");
    let almost = Timestamp::from_millis(NOW.millis() + 3_599_000);
    let owned = |registry: &Registry, token, claim, at| {
        registry.owned_certificate(token, claim, at).map(|certificate| certificate.certificate_id)
    };
    assert_eq!(owned(&registry, "sha256 of unused", CLAIM, almost), Some(unused.certificate_id));
    assert_eq!(owned(&registry, "sha256 of nothing", CLAIM, almost), None);
    let other = CertificateId::new([8; 32]);
    assert_eq!(owned(&registry, "sha256 of unused", other, almost), None, "fleet-provision-api: bound to the claim");
    assert!(registry.expired(almost).is_empty());
    run(&mut registry, |r| r.update_certificate(NOW, activated.certificate_id, CertificateStatus::Active)).unwrap();
    let decided = owned(&registry, "sha256 of activated", CLAIM, almost);
    assert_eq!(decided, None, "an operator has decided about it");
    let over = Timestamp::from_millis(NOW.millis() + 3_600_000);
    assert_eq!(owned(&registry, "sha256 of unused", CLAIM, over), None, "fleet-provision-api: one hour");
    run(&mut registry, |r| Ok::<_, RegistryError>((r.expired(over), ()))).unwrap();
    assert!(registry.certificate(unused.certificate_id).is_err(), "fleet-provision-api: it is deleted");
    assert!(registry.certificate(activated.certificate_id).is_ok());
    assert!(registry.expired(over).is_empty());
}

#[test]
fn a_claim_lets_a_device_ask_and_nothing_else_for_five_minutes() {
    let (mut registry, mut pki) = (Registry::new(tenant()), Pki::new("test"));
    let template = NewTemplate {
        template_name: "pumps".into(),
        description: None,
        template_type: TemplateType::FleetProvisioning,
        template_body: BODY.into(),
        enabled: true,
        provisioning_role_arn: "arn:aws:iam::000000000000:role/provisioning".into(),
        pre_provisioning_hook: None,
    };
    let der = pki.presented("claim").as_der().to_vec();
    assert_eq!(variant(registry.add_claim("pumps", &der)), "NotFound");
    run(&mut registry, |r| r.create_provisioning_template(NOW, template)).unwrap();
    let claim = run(&mut registry, |r| r.add_claim("pumps", &der)).unwrap();
    let id = claim.certificate_id;
    assert_eq!(registry.certificates().count(), 0, "provision-wo-cert: it never appears in ListCertificates");
    assert!(registry.identify(id, NOW).is_ok());
    let identity = registry.identify(id, NOW).unwrap();
    let policies = registry.policies_of(id, None);
    let context = sekisho_policy::Context::new(tenant());
    let may_publish = |topic: &str| {
        let topic = sekisho_types::TopicName::parse(topic).unwrap();
        sekisho_policy::authorize(&identity, sekisho_policy::Publish { topic }, &policies, &context).is_ok()
    };
    assert!(may_publish("$aws/certificates/create/json") && may_publish("$aws/certificates/create-from-csr/cbor"));
    assert!(may_publish("$aws/provisioning-templates/pumps/provision/json"));
    assert!(!may_publish("$aws/provisioning-templates/valves/provision/json") && !may_publish("telemetry"));
    let over = Timestamp::from_seconds(claim.not_after.seconds() + 1);
    assert!(registry.identify(id, over).is_err());
    run(&mut registry, |r| Ok::<_, RegistryError>((r.expired(over), ()))).unwrap();
    assert!(registry.claim(id).is_none());
}

#[test]
fn a_task_counts_its_lines_once_and_only_one_runs() {
    let (mut registry, mut random) = (Registry::new(tenant()), dice());
    let place = || ("factory".to_owned(), "devices.jsonl".to_owned());
    let mut start = |registry: &mut Registry| {
        run(registry, |r| r.start_registration_task(NOW, BODY.into(), place(), "role".into(), &mut random))
    };
    let task = start(&mut registry).unwrap();
    assert_eq!(variant(start(&mut registry)), "LimitExceeded", "iot quotas: one task");
    let id = task.task_id.as_str();
    for (line_number, outcome) in [(1, Err("no".to_owned())), (2, Err("no".to_owned()))] {
        let line = LineOutcome { line_number, offset: line_number * 10 - 10, end: line_number * 10, outcome };
        let event = Event::RegistrationTaskProgressed { task_id: id.into(), line, percentage_progress: 50, at: LATER };
        run(&mut registry, |_| Ok::<_, RegistryError>((vec![event], ()))).unwrap();
    }
    let task = registry.registration_task(id).unwrap();
    assert_eq!((task.failure_count, task.offset, task.unreported.len()), (2, 20, 2));
    run(&mut registry, |r| r.stop_registration_task(LATER, id)).unwrap();
    assert_eq!(registry.registration_task(id).unwrap().status, TaskStatus::Cancelling);
    run(&mut registry, |r| r.change_registration_task(LATER, id, |task| task.status = TaskStatus::Cancelled)).unwrap();
    assert_eq!(variant(registry.stop_registration_task(LATER, id)), "InvalidRequest", "it is over");
    start(&mut registry).expect("another may run");
    assert_eq!(variant(registry.stop_registration_task(LATER, "nobody")), "NotFound");
}
