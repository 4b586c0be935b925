//! The template language by table: what a template becomes for one device, and what is refused when.
use std::collections::BTreeMap;

use sekisho_identity::DistinguishedName;
use sekisho_types::{AccountId, CertificateId, Region, Tenant};
use serde_json::{Value, json};

use crate::*;

fn tenant() -> Tenant {
    Tenant { account: AccountId::parse("123456789012").unwrap(), region: Region::parse("eu-north-1").unwrap() }
}

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A fleet template whose thing is named by `expression`.
fn named_by(expression: &Value) -> String {
    json!({
        "Parameters": { "Serial": { "Type": "String" }, "Site": { "Type": "String", "Default": "kita" } },
        "Mappings": { "Plants": { "kita": { "code": "K1" } } },
        "Resources": {
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": { "CertificateId": "x" } },
            "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": expression } },
        },
    })
    .to_string()
}

fn name_of(expression: &Value) -> Result<String, String> {
    let template =
        Template::parse(&named_by(expression), TemplateType::FleetProvisioning).map_err(|e| e.to_string())?;
    let plan = template.plan(&given(&[("Serial", "7-8-9"), ("Undeclared", "u")]), &tenant());
    Ok(plan.map_err(|e| e.to_string())?.thing.unwrap().thing_name)
}

#[test]
#[rustfmt::skip]
fn expressions() {
    let at = "Resources.thing.Properties.ThingName";
    // citation                                     expression                                                    what it becomes
    let table: &[(&str, Value, Result<&str, String>)] = &[
        ("provision-template: Ref",                 json!({"Ref": "Serial"}),                                     Ok("7-8-9")),
        ("provision-template: Default",             json!({"Ref": "Site"}),                                       Ok("kita")),
        ("CloudFormation: pseudo parameters",       json!({"Ref": "AWS::Region"}),                                Ok("eu-north-1")),
        ("provision-template: Fn::Join",            json!({"Fn::Join": ["_", ["pump", {"Ref": "Serial"}]]}),      Ok("pump_7-8-9")),
        ("provision-template: Fn::Join, none",      json!({"Fn::Join": ["_", []]}),                               Ok("")),
        ("provision-template: Fn::Split, Select",   json!({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Serial"}]}]}), Ok("8")),
        ("provision-template: Fn::Select as text",  json!({"Fn::Select": ["0", ["a", "b"]]}),                     Ok("a")),
        ("provision-template: Fn::Select, bounds",  json!({"Fn::Select": [2, ["a", "b"]]}),                       Err(format!("{at}.Fn::Select: there is no item `2` in a list of 2"))),
        ("provision-template: Fn::Select, index",   json!({"Fn::Select": ["-1", ["a"]]}),                         Err(format!("{at}.Fn::Select: there is no item `-1` in a list of 1"))),
        ("provision-template: Fn::FindInMap",       json!({"Fn::FindInMap": ["Plants", {"Ref": "Site"}, "code"]}), Ok("K1")),
        ("provision-template: Fn::FindInMap, none", json!({"Fn::FindInMap": ["Plants", "minami", "code"]}),       Err(format!("{at}.Fn::FindInMap: the mappings have no `Plants.minami.code`"))),
        ("provision-template: Fn::Sub",             json!({"Fn::Sub": "pump-${Serial}-${AWS::AccountId}"}),       Ok("pump-7-8-9-123456789012")),
        ("policy variables survive Fn::Sub",        json!({"Fn::Sub": "${iot:ClientId}/${Undeclared}"}),          Ok("${iot:ClientId}/${Undeclared}")),
        ("CloudFormation: Fn::Sub with names",      json!({"Fn::Sub": ["${A}-${Site}", {"A": {"Ref": "Serial"}}]}), Ok("7-8-9-kita")),
        ("CloudFormation: ${!Literal}",             json!({"Fn::Sub": "${!Serial}"}),                             Ok("${Serial}")),
        ("an unclosed brace is text",               json!({"Fn::Sub": "a${Serial"}),                              Ok("a${Serial")),
        ("a list where text belongs",               json!(["a"]),                                                 Err(format!("{at}: text was expected, a list came"))),
        ("Fn::Split by nothing",                    json!({"Fn::Select": [0, {"Fn::Split": ["", "a"]}]}),         Err(format!("{at}.Fn::Select.Fn::Split: the delimiter is empty"))),
        ("Ref to nobody",                           json!({"Ref": "Nobody"}),                                     Err("Invalid registration template. Ref to Nobody, which is not a declared parameter.".into())),
        ("no such function",                        json!({"Fn::GetAtt": ["a", "b"]}),                            Err("Invalid registration template. Fn::GetAtt is not a function of the template language.".into())),
    ];
    for (citation, expression, outcome) in table {
        assert_eq!(name_of(expression), outcome.clone().map(str::to_owned), "{citation}: {expression}");
    }
}

#[test]
#[rustfmt::skip]
fn what_could_never_work_is_refused_at_once() {
    use TemplateType::{FleetProvisioning, Jitp, Registration};
    let id = json!({"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": "x"}});
    let with = |resource: Value| json!({"Resources": {"c": id, "r": resource}});
    // citation                                        type               template                                                     refused with
    let table: &[(&str, TemplateType, Value, &str)] = &[
        ("iot workshop 1, measured",                   Jitp,              with(json!({"Type": "AWS::IoT::Policy", "Properties": {}})), "Neither policyName nor policyDocument is present in the Template."),
        ("provision-template: policies",               Jitp,              with(json!({"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "a", "PolicyDocument": "b"}})), "Resource r: PolicyName and PolicyDocument exclude each other."),
        ("provision-template: resource types",         Jitp,              with(json!({"Type": "AWS::IoT::TopicRule"})),               "Resource r: Type AWS::IoT::TopicRule is not supported."),
        ("provision-template: thing",                  Jitp,              with(json!({"Type": "AWS::IoT::Thing", "Properties": {}})), "Resource r: ThingName is missing."),
        ("provision-template: properties",             Jitp,              with(json!({"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "a", "Colour": "b"}})), "Resource r: Colour is not a property of AWS::IoT::Thing."),
        ("provision-template: policies have none",     Jitp,              with(json!({"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "a"}, "OverrideSettings": {"PolicyName": "FAIL"}})), "Resource r: PolicyName cannot be overridden in AWS::IoT::Policy."),
        ("provision-template: MERGE",                  Jitp,              with(json!({"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "a"}, "OverrideSettings": {"ThingTypeName": "MERGE"}})), "Resource r: \"MERGE\" is not an OverrideSetting of ThingTypeName."),
        ("jit-provisioning: parameters",               Jitp,              json!({"Parameters": {"Serial": {"Type": "String"}}, "Resources": {"c": id}}), "Parameter Serial is not one a certificate gives."),
        ("provision-template: parameters",             FleetProvisioning, json!({"Parameters": {"Serial": {"Type": "Number"}}, "Resources": {"c": id}}), "Parameter Serial is not of Type String."),
        ("provision-template: Mappings",               Jitp,              json!({"Mappings": {}, "Resources": {"c": id}}),            "Mappings is not a part of a template of this type."),
        ("provision-template: Mappings are text",      FleetProvisioning, json!({"Mappings": {"a": {"b": "c"}}, "Resources": {"c": id}}), "Mappings holds something else than two levels of objects over text."),
        ("provision-template: DeviceConfiguration",    FleetProvisioning, json!({"DeviceConfiguration": {"a": {"b": "c"}}, "Resources": {"c": id}}), "DeviceConfiguration a is nested."),
        ("provision-template: resources",              Registration,      json!({"Resources": {}}),                                   "Resources is missing or empty."),
        ("provision-template: certificate",            Registration,      json!({"Resources": {"t": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "a"}}}}), "There is no AWS::IoT::Certificate."),
        ("provision-template: one certificate",        Registration,      with(id.clone()),                                           "There is more than one AWS::IoT::Certificate."),
        ("provision-template: certificate, source",    Registration,      json!({"Resources": {"c": {"Type": "AWS::IoT::Certificate", "Properties": {}}}}), "Resource c: exactly one of CertificateId, CertificatePem and CertificateSigningRequest is needed."),
        ("provision-template: JITP, CertificateId",    Jitp,              json!({"Resources": {"c": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateSigningRequest": "x"}}}}), "Resource c: a template of this type refers to its certificate by CertificateId."),
        ("provision-template: Status",                 Jitp,              json!({"Resources": {"c": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": "x", "Status": "REVOKED"}}}}), "Resource c: Status is neither ACTIVE nor INACTIVE."),
        ("not an object",                              Jitp,              json!([]),                                                  "It is not a JSON object."),
        ("iot model: templateBody",                    Jitp,              json!("x".repeat(10_240)),                                  "It has more than 10240 characters."),
    ];
    for (citation, template_type, template, refusal) in table {
        let refused = Template::parse(&template.to_string(), *template_type).expect_err(citation).to_string();
        assert_eq!(refused, format!("Invalid registration template. {refusal}"), "{citation}");
    }
}

/// The example of developer guide: jit-provisioning, its names changed.
const JITP: &str = r#"{
    "Parameters": {
        "AWS::IoT::Certificate::CommonName": { "Type": "String" },
        "AWS::IoT::Certificate::Country": { "Type": "String" },
        "AWS::IoT::Certificate::Id": { "Type": "String" }
    },
    "Resources": {
        "thing": {
            "Type": "AWS::IoT::Thing",
            "Properties": {
                "ThingName": { "Ref": "AWS::IoT::Certificate::CommonName" },
                "AttributePayload": { "version": "v1", "country": { "Ref": "AWS::IoT::Certificate::Country" } },
                "ThingTypeName": "pump", "ThingGroups": ["a", { "Fn::Sub": "in-${AWS::IoT::Certificate::Country}" }]
            },
            "OverrideSettings": { "AttributePayload": "MERGE", "THING_GROUPS": "DO_NOTHING" }
        },
        "certificate": {
            "Type": "AWS::IoT::Certificate",
            "Properties": { "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" }, "Status": "Active" }
        },
        "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyDocument": "{ \"Version\": \"2012-10-17\" }" } }
    }
}"#;

#[test]
fn a_just_in_time_template_is_filled_in_by_the_certificate() {
    let template = Template::parse(JITP, TemplateType::Jitp).unwrap();
    let subject = DistinguishedName::common_name("pump-7");
    let id = CertificateId::new([0xab; 32]);
    let mut parameters = certificate_parameters(id, &subject);
    assert_eq!(
        template.plan(&parameters, &tenant()),
        Err(ProvisionError::MissingParameters(vec!["AWS::IoT::Certificate::Country".into()])),
        "jit-provisioning: every declared parameter must have a value"
    );
    assert_eq!(
        template.plan(&BTreeMap::new(), &tenant()).unwrap_err().to_string(),
        "parameters `AWS::IoT::Certificate::CommonName`, `AWS::IoT::Certificate::Country`, `AWS::IoT::Certificate::Id` have no value",
        "all of them are told at once"
    );
    parameters.insert("AWS::IoT::Certificate::Country".into(), "JP".into());
    let plan = template.plan(&parameters, &tenant()).unwrap();
    let thing = plan.thing.unwrap();
    assert_eq!((thing.thing_name.as_str(), thing.thing_type_name.as_deref()), ("pump-7", Some("pump")));
    assert_eq!(thing.attributes, Some(given(&[("version", "v1"), ("country", "JP")])));
    assert_eq!(thing.thing_groups, Some(vec!["a".into(), "in-JP".into()]));
    assert_eq!(thing.override_attributes, Some(Override::Merge));
    assert_eq!(thing.override_thing_groups, Some(Override::DoNothing));
    assert_eq!((plan.certificate.source, plan.certificate.active), (CertificateSource::Id(id.to_string()), true));
    let [PolicyPlan::Document { policy_name, document, .. }] = plan.policies.as_slice() else { panic!("one document") };
    assert_eq!(document, r#"{ "Version": "2012-10-17" }"#);
    assert!(policy_name.len() == 40 && policy_name.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()));
}

#[test]
fn a_policy_may_be_an_object_with_expressions_inside() {
    let template = json!({
        "Parameters": { "Serial": { "Type": "String" } },
        "Resources": {
            "certificate": { "Type": "AWS::IoT::Certificate", "Properties": { "CertificateId": "x" } },
            "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{ "Effect": "Allow", "Action": "iot:Publish",
                    "Resource": { "Fn::Sub": "arn:aws:iot:${AWS::Region}:${AWS::AccountId}:topic/${Serial}/${iot:ClientId}" } }],
            } } },
        },
        "DeviceConfiguration": { "endpoint": { "Fn::Join": ["/", ["plant", { "Ref": "Serial" }]] }, "retries": 3 },
    });
    let template = Template::parse(&template.to_string(), TemplateType::FleetProvisioning).unwrap();
    let plan = template.plan(&given(&[("Serial", "7")]), &tenant()).unwrap();
    let [PolicyPlan::Document { document, .. }] = plan.policies.as_slice() else { panic!("one document") };
    assert!(document.contains(r#""arn:aws:iot:eu-north-1:123456789012:topic/7/${iot:ClientId}""#), "{document}");
    assert_eq!(plan.device_configuration, given(&[("endpoint", "plant/7"), ("retries", "3")]));
}

#[test]
fn a_parameter_stays_inside_the_string_it_is_put_into() {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:r:a:topic/${Serial}"}]}"#;
    for document in [
        json!({ "Fn::Sub": text }),
        json!({ "Fn::Join": ["", [text.replace("${Serial}\"}]}", ""), { "Ref": "Serial" }, "\"}]}"]] }),
    ] {
        let template = json!({
            "Parameters": { "Serial": { "Type": "String" } },
            "Resources": {
                "certificate": { "Type": "AWS::IoT::Certificate", "Properties": { "CertificateId": "x" } },
                "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyDocument": document } },
            },
        });
        let template = Template::parse(&template.to_string(), TemplateType::FleetProvisioning).unwrap();
        let hostile = r#"7"},{"Effect":"Allow","Action":"*","Resource":"*"#;
        let plan = template.plan(&given(&[("Serial", hostile)]), &tenant()).unwrap();
        let [PolicyPlan::Document { document, .. }] = plan.policies.as_slice() else { panic!("one document") };
        let document: Value = serde_json::from_str(document).expect("JSON still");
        assert_eq!(document["Statement"].as_array().map(Vec::len), Some(1), "{document}");
        assert_eq!(document["Statement"][0]["Resource"], format!("arn:aws:iot:r:a:topic/{hostile}"));
    }
}

#[test]
fn text_does_not_grow_without_bound() {
    let long = "x".repeat(2_048);
    let nested = json!({ "Fn::Join": [{ "Ref": "Serial" }, { "Fn::Split": ["x", { "Ref": "Serial" }] }] });
    let template = Template::parse(&named_by(&nested), TemplateType::FleetProvisioning).unwrap();
    let failed = template.plan(&given(&[("Serial", &long)]), &tenant()).unwrap_err().to_string();
    assert_eq!(failed, "Resources.thing.Properties.ThingName: more than 65536 bytes of text come out");
}

/// Nothing a template or a parameter says may panic, and what parses is worked out in bounded time.
#[test]
fn any_text_is_parsed_or_refused() {
    bolero::check!().with_type::<(Vec<u8>, String)>().for_each(|(noise, value)| {
        let spoilt = |text: &str| -> String {
            let mut bytes = text.as_bytes().to_vec();
            for pair in noise.chunks_exact(2) {
                let at = usize::from(pair[0]) * 5 % bytes.len();
                bytes[at] = pair[1];
            }
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let expression = json!({ "Fn::Sub": value, "Ref": value });
        for text in
            [spoilt(JITP), spoilt(&named_by(&json!({ "Fn::Sub": value }))), named_by(&expression), value.clone()]
        {
            for template_type in [TemplateType::Jitp, TemplateType::FleetProvisioning, TemplateType::Registration] {
                if let Ok(template) = Template::parse(&text, template_type) {
                    let _ = template.plan(&given(&[("Serial", value)]), &tenant());
                }
            }
        }
    });
}
