//! Provisioning templates, their versions, and what a plan does to a thing that is there.
use std::collections::BTreeMap;

use sekisho_identity::CertificateStatus;
use sekisho_provisioning::{Template, TemplateType};
use sekisho_types::{ThingGroupName, ThingName, ThingTypeName};
use serde_json::{Value, json};

use super::*;
use crate::{NewTemplate, ProvisioningHook, TemplateUpdate};

const BODY: &str = r#"{"Resources":{"c":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":"x"}}}}"#;

fn new(name: &str) -> NewTemplate {
    NewTemplate {
        template_name: name.into(),
        description: None,
        template_type: TemplateType::FleetProvisioning,
        template_body: BODY.into(),
        enabled: true,
        provisioning_role_arn: "arn:aws:iam::000000000000:role/provisioning".into(),
        pre_provisioning_hook: None,
    }
}

#[test]
fn versions_of_a_template() {
    let mut registry = Registry::new(tenant());
    let spoilt = NewTemplate { template_body: "{}".into(), ..new("t") };
    assert_eq!(variant(registry.create_provisioning_template(NOW, spoilt)), "InvalidRequest");
    let hook = ProvisioningHook { payload_version: "2020-04-01".into(), target_arn: "arn:aws:lambda:…".into() };
    let spoilt =
        NewTemplate { template_type: TemplateType::Jitp, pre_provisioning_hook: Some(hook.clone()), ..new("t") };
    assert_eq!(variant(registry.create_provisioning_template(NOW, spoilt)), "InvalidRequest", "hooks are for fleets");
    run(&mut registry, |r| r.create_provisioning_template(NOW, new("t"))).unwrap();
    assert_eq!(variant(registry.create_provisioning_template(NOW, new("t"))), "AlreadyExists");
    for version in 2..=5 {
        let made = run(&mut registry, |r| r.create_provisioning_template_version(NOW, "t", BODY.into(), version == 3));
        assert_eq!(made.unwrap(), version);
    }
    let sixth = registry.create_provisioning_template_version(NOW, "t", BODY.into(), false);
    assert_eq!(variant(sixth), "VersionsLimitExceeded");
    assert_eq!(registry.provisioning_template("t").unwrap().default_version_id, 3);
    assert_eq!(variant(registry.delete_provisioning_template_version(NOW, "t", 3)), "DeleteConflict", "the default");
    assert_eq!(variant(registry.delete_provisioning_template_version(NOW, "t", 9)), "NotFound");
    assert_eq!(variant(registry.delete_provisioning_template("t")), "DeleteConflict", "other versions exist");
    for version in [1, 2, 4, 5] {
        run(&mut registry, |r| r.delete_provisioning_template_version(NOW, "t", version)).unwrap();
    }
    let update =
        TemplateUpdate { enabled: Some(false), pre_provisioning_hook: Some(hook), ..TemplateUpdate::default() };
    run(&mut registry, |r| r.update_provisioning_template(LATER, "t", update)).unwrap();
    let template = registry.provisioning_template("t").unwrap();
    assert!(!template.enabled && template.pre_provisioning_hook.is_some() && template.last_modified_date == LATER);
    let update = TemplateUpdate { remove_pre_provisioning_hook: true, ..TemplateUpdate::default() };
    run(&mut registry, |r| r.update_provisioning_template(LATER, "t", update)).unwrap();
    assert!(registry.provisioning_template("t").unwrap().pre_provisioning_hook.is_none());
    run(&mut registry, |r| r.delete_provisioning_template("t")).unwrap();
    assert_eq!(variant(registry.provisioning_template("t")), "NotFound");
}

#[test]
fn a_template_a_ca_refers_to_stays() {
    let (mut registry, mut pki) = (Registry::new(tenant()), Pki::new("Example Root"));
    let jitp = NewTemplate { template_type: TemplateType::Jitp, ..new("t") };
    run(&mut registry, |r| r.create_provisioning_template(NOW, jitp)).unwrap();
    run(&mut registry, |r| r.create_provisioning_template(NOW, new("fleet"))).unwrap();
    let config = |name: &str| crate::RegistrationConfig { template_name: Some(name.into()), ..Default::default() };
    let refused = register(&mut registry, &mut pki, |asked, _, _| asked.registration_config = Some(config("fleet")));
    assert_eq!(variant(refused), "InvalidRequest", "jit-provisioning: a template of type JITP");
    register(&mut registry, &mut pki, |asked, _, _| asked.registration_config = Some(config("t"))).unwrap();
    assert_eq!(variant(registry.delete_provisioning_template("t")), "DeleteConflict");
}

/// A thing `pump-7` with a type, an attribute and a group, and two groups and a type to move to.
fn world() -> (Registry, crate::Certificate) {
    let (mut registry, mut random) = (Registry::new(tenant()), dice());
    for name in ["pump", "valve"] {
        let name = ThingTypeName::parse(name).unwrap();
        run(&mut registry, |r| r.create_thing_type(NOW, name, None, Vec::new(), &mut random)).unwrap();
    }
    for name in ["north", "south"] {
        let name = ThingGroupName::parse(name).unwrap();
        run(&mut registry, |r| r.create_thing_group(NOW, name, None, None, BTreeMap::new(), &mut random)).unwrap();
    }
    let thing = ThingName::parse("pump-7").unwrap();
    let attributes = BTreeMap::from([("site".to_owned(), "a".to_owned())]);
    let pump = ThingTypeName::parse("pump").ok();
    run(&mut registry, |r| r.create_thing(thing.clone(), pump, attributes, None, &mut random)).unwrap();
    let north = ThingGroupName::parse("north").unwrap();
    run(&mut registry, |r| r.add_thing_to_group(&thing, &north)).unwrap();
    let der = Pki::new("test").presented("pump-7").as_der().to_vec();
    let certificate = run(&mut registry, |r| r.add_issued_certificate(NOW, &der, false, &mut random)).unwrap();
    (registry, certificate)
}

#[test]
#[rustfmt::skip]
fn what_is_there_changes_as_the_overrides_say() {
    let same = json!({"AttributePayload": {"site": "a"}, "ThingTypeName": "pump", "ThingGroups": ["north"]});
    // citation                                   properties                                        overrides                          attributes, type, groups; or what fails
    let table: &[(&str, Value, Value, &str)] = &[
        ("provision-template: the same again",    same,                                             json!({}),                         "site=a pump north"),
        ("provision-template: FAIL, the same",    json!({"ThingTypeName": "pump"}),                 json!({"ThingTypeName": "FAIL"}),  "site=a pump north"),
        ("provision-template: nothing said",      json!({}),                                        json!({}),                         "site=a pump north"),
        ("provision-template: DO_NOTHING",        json!({"AttributePayload": {"site": "b"}}),       json!({"AttributePayload": "DO_NOTHING"}), "site=a pump north"),
        ("provision-template: REPLACE",           json!({"AttributePayload": {"floor": "1"}}),      json!({"AttributePayload": "REPLACE"}), "floor=1 pump north"),
        ("provision-template: MERGE",             json!({"AttributePayload": {"floor": "1"}}),      json!({"AttributePayload": "MERGE"}), "floor=1,site=a pump north"),
        ("provision-template: FAIL",              json!({"AttributePayload": {"floor": "1"}}),      json!({"AttributePayload": "FAIL"}), "t: AttributePayload differs, and its OverrideSetting is FAIL"),
        ("no setting, and it differs",            json!({"AttributePayload": {"floor": "1"}}),      json!({}),                         "t: AttributePayload differs, and has no OverrideSetting"),
        ("provision-template: REPLACE, type",     json!({"ThingTypeName": "valve"}),                json!({"ThingTypeName": "REPLACE"}), "site=a valve north"),
        ("provision-template: FAIL, type",        json!({"ThingTypeName": "valve"}),                json!({"ThingTypeName": "FAIL"}),  "t: ThingTypeName differs, and its OverrideSetting is FAIL"),
        ("a type that is not there",              json!({"ThingTypeName": "oven"}),                 json!({"ThingTypeName": "REPLACE"}), "t: Thing type oven not found"),
        ("provision-template: REPLACE, groups",   json!({"ThingGroups": ["south"]}),                json!({"ThingGroups": "REPLACE"}), "site=a pump south"),
        ("provision-template: MERGE, groups",     json!({"ThingGroups": ["south"]}),                json!({"ThingGroups": "MERGE"}),   "site=a pump north,south"),
        ("a group that is not there",             json!({"ThingGroups": ["east"]}),                 json!({"ThingGroups": "MERGE"}),   "t: Thing group east not found"),
        ("a billing group that is not there",     json!({"BillingGroup": "b"}),                     json!({}),                         "t: Billing group b not found"),
        ("a name that is none",                   json!({"ThingName": "a b"}),                      json!({}),                         "t: `a b` is not a valid thing name: 1 to 128 of a-z A-Z 0-9 : _ -"),
    ];
    for (citation, properties, overrides, outcome) in table {
        let (mut registry, certificate) = world();
        let mut all = json!({"ThingName": "pump-7"});
        properties.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
        let template = json!({"Resources": {
            "t": {"Type": "AWS::IoT::Thing", "Properties": all, "OverrideSettings": overrides},
            "c": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": certificate.certificate_id.to_string()}},
        }});
        let template = Template::parse(&template.to_string(), TemplateType::Registration).unwrap();
        let plan = template.plan(&BTreeMap::new(), &tenant()).unwrap();
        let before = sorted(&registry);
        let found = match run(&mut registry, |r| r.provision(NOW, &plan, &certificate, &mut dice())) {
            Err(failure) => {
                assert_eq!(sorted(&registry), before, "{citation}: all or nothing");
                failure.to_string()
            }
            Ok(provisioned) => {
                let name = provisioned.thing_name.unwrap();
                let thing = registry.thing(&name).unwrap();
                let attributes: Vec<_> = thing.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
                let groups: Vec<_> = registry.groups_of_thing(&name).unwrap().iter().map(ToString::to_string).collect();
                let certificate = registry.certificate(certificate.certificate_id).unwrap();
                assert_eq!(certificate.status, CertificateStatus::Active, "{citation}");
                assert!(registry.thing_of(certificate.certificate_id, "pump-7").unwrap().is_attached);
                format!("{} {} {}", attributes.join(","), thing.thing_type_name.as_ref().unwrap(), groups.join(","))
            }
        };
        assert_eq!(found, *outcome, "{citation}");
    }
}

#[test]
#[rustfmt::skip]
fn the_status_of_a_certificate_that_is_there() {
    use CertificateStatus::{Active, Inactive, Revoked};
    // citation                        it is      asked for    override          becomes; or what fails
    type Row = (&'static str, CertificateStatus, &'static str, Option<&'static str>, Result<CertificateStatus, &'static str>);
    let table: &[Row] = &[
        ("provision-template: Status", Inactive,  "ACTIVE",    None,             Ok(Active)),
        ("provision-template: Status", Active,    "INACTIVE",  Some("REPLACE"),  Ok(Inactive)),
        ("provision-template: Status", Active,    "INACTIVE",  Some("DO_NOTHING"), Ok(Active)),
        ("provision-template: Status", Active,    "INACTIVE",  Some("FAIL"),     Err("c: the certificate is ACTIVE, not INACTIVE")),
        ("provision-template: Status", Active,    "ACTIVE",    Some("FAIL"),     Ok(Active)),
        ("revoke-ca-cert: final",      Revoked,   "ACTIVE",    None,             Err("c: a certificate that is `REVOKED` cannot become `ACTIVE`")),
    ];
    for (citation, is, asked, setting, outcome) in table {
        let (mut registry, certificate) = world();
        let id = certificate.certificate_id;
        run(&mut registry, |r| r.update_certificate(NOW, id, *is)).unwrap();
        let overrides = setting.map_or(json!({}), |setting| json!({"Status": setting}));
        let template = json!({"Resources": {"c": {
            "Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": "x", "Status": asked}, "OverrideSettings": overrides,
        }}});
        let template = Template::parse(&template.to_string(), TemplateType::Registration).unwrap();
        let plan = template.plan(&BTreeMap::new(), &tenant()).unwrap();
        let certificate = registry.certificate(id).unwrap().clone();
        let found = run(&mut registry, |r| r.provision(NOW, &plan, &certificate, &mut dice()));
        let found = found.map(|_| registry.certificate(id).unwrap().status).map_err(|failure| failure.to_string());
        assert_eq!(found, outcome.map_err(str::to_owned), "{citation}: {is} to {asked}");
    }
}
