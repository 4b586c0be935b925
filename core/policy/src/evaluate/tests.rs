//! Decisions, each after the page that asks for it.
use std::sync::Arc;

use sekisho_types::PolicyName;

use super::*;
use crate::PolicyDocument;
use crate::context::tests::{context, thing};

const ARN: &str = "arn:aws:iot:us-east-1:000000000000:";

fn set(documents: &[&str]) -> PolicySet {
    let name = |number: usize| PolicyName::parse(&format!("p{number}")).unwrap();
    let parsed = (1..).zip(documents).map(|(number, text)| {
        let text = text.replace("ARN:", ARN);
        (name(number), Arc::new(PolicyDocument::parse(&text).unwrap()))
    });
    PolicySet::new(parsed.collect())
}

fn outcome(policies: &PolicySet, action: ActionName, resource: &str, context: &Context) -> &'static str {
    match decide(action, &format!("{ARN}{resource}"), policies, context) {
        Ok(()) => "allowed",
        Err(denied) if denied.is_explicit() => "explicit deny",
        Err(_) => "implicit deny",
    }
}

const ALLOW_ALL: &str = r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}"#;
const DENY_SECRET: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": ["iot:Publish"], "Resource": ["ARN:topic/secret/*"]}]}"#;
const OWN: &str = r#"{"Statement": {"Effect": "Allow", "Action": "iot:Publish",
    "Resource": "ARN:topic/factory/${iot:ClientId}/*"}}"#;
const NOT_RESOURCE: &str =
    r#"{"Statement": {"Effect": "Allow", "Action": "iot:Publish", "NotResource": "ARN:topic/secret/*"}}"#;
const NOT_ACTION: &str = r#"{"Statement": {"Effect": "Allow", "NotAction": "iot:Connect", "Resource": "*"}}"#;
const THING: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*",
    "Resource": "ARN:topic/${iot:Connection.Thing.ThingName}"}}"#;
const DENY_THING: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*",
    "Resource": "ARN:topic/${iot:Connection.Thing.ThingName}"}}"#;
const HALL: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*",
    "Resource": "ARN:topic/hall/${iot:Connection.Thing.Attributes[hall]}/${iot:Connection.Thing.ThingTypeName}"}}"#;
const ATTACHED: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
    "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": ["true"]}}}}"#;
const DENY_WHEN: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
    "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}}"#;
const ALLOW_WHEN: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
    "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}}"#;
const DENY_WHEN_OTHER: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
    "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}, "StringEquals": {"iot:ClientId": "other"}}}}"#;
const SHADOWS: &str = r#"{"Statement": {"Effect": "Allow", "Action": "iot:Get*", "Resource": ["ARN:thing/pump-7", "ARN:thing/pump-7/a"]}}"#;
const RECEIVE_ONLY: &str = r#"{"Statement": [{"Effect": "Allow", "Action": ["iot:Subscribe", "iot:Receive"], "Resource": "*"},
    {"Effect": "Deny", "Action": "iot:Receive", "Resource": "ARN:topic/a/restricted/*"}]}"#;

#[test]
fn decisions() {
    use ActionName::{
        Connect, GetThingShadow, ListRetainedMessages, Publish, Receive, RetainPublish, Subscribe, UpdateThingShadow,
    };
    let plain = context("pump-7");
    let attached = Context { thing: thing(true), ..context("pump-7") };
    let loose = Context { thing: thing(false), ..context("pump-7") };
    type Row<'a> = (&'a str, &'a Context, &'a [&'a str], ActionName, &'a str, &'a str);
    #[rustfmt::skip] // source                                   context    policies                       action         resource             outcome
    let table: &[Row<'_>] = &[
        ("IAM: default deny",                                    &plain,    &[],                           Publish,       "topic/a",           "implicit deny"),
        ("IAM: an allow is enough",                              &plain,    &[ALLOW_ALL],                  Publish,       "topic/a",           "allowed"),
        ("IAM: deny beats allow, whatever their order",          &plain,    &[ALLOW_ALL, DENY_SECRET],     Publish,       "topic/secret/x",    "explicit deny"),
        ("IAM: deny beats allow, whatever their order",          &plain,    &[DENY_SECRET, ALLOW_ALL],     Publish,       "topic/secret/x",    "explicit deny"),
        ("IAM: a deny speaks of its action alone",               &plain,    &[ALLOW_ALL, DENY_SECRET],     Receive,       "topic/secret/x",    "allowed"),
        ("IAM: a deny speaks of its resource alone",             &plain,    &[ALLOW_ALL, DENY_SECRET],     Publish,       "topic/open/x",      "allowed"),
        ("IAM: an allow speaks of its action alone",             &plain,    &[OWN],                        RetainPublish, "topic/factory/pump-7/t", "implicit deny"),
        ("iot dev guide: ${iot:ClientId}",                       &plain,    &[OWN],                        Publish,       "topic/factory/pump-7/t", "allowed"),
        ("iot dev guide: ${iot:ClientId}",                       &plain,    &[OWN],                        Publish,       "topic/factory/pump-8/t", "implicit deny"),
        ("iot dev guide: NotResource",                           &plain,    &[NOT_RESOURCE],               Publish,       "topic/open/x",      "allowed"),
        ("iot dev guide: NotResource",                           &plain,    &[NOT_RESOURCE],               Publish,       "topic/secret/x",    "implicit deny"),
        ("iot dev guide: action resources, a classic shadow",    &plain,    &[SHADOWS],                    GetThingShadow, "thing/pump-7",     "allowed"),
        ("iot dev guide: action resources, a named shadow",      &plain,    &[SHADOWS],                    GetThingShadow, "thing/pump-7/a",   "allowed"),
        ("iot dev guide: action resources, a named shadow",      &plain,    &[SHADOWS],                    GetThingShadow, "thing/pump-7/b",   "implicit deny"),
        ("iot dev guide: action resources, a classic shadow",    &plain,    &[SHADOWS],                    UpdateThingShadow, "thing/pump-7",  "implicit deny"),
        ("iot dev guide: action resources, no resource",         &plain,    &[ALLOW_ALL],                  ListRetainedMessages, "*",          "allowed"),
        ("iot dev guide: action resources, no resource",         &plain,    &[OWN],                        ListRetainedMessages, "*",          "implicit deny"),
        ("IAM: NotAction",                                       &plain,    &[NOT_ACTION],                 Publish,       "topic/a",           "allowed"),
        ("IAM: NotAction",                                       &plain,    &[NOT_ACTION],                 Connect,       "client/a",          "implicit deny"),
        ("iot dev guide: deny Receive where # was subscribed",   &plain,    &[RECEIVE_ONLY],               Subscribe,     "topicfilter/a/#",   "allowed"),
        ("iot dev guide: deny Receive where # was subscribed",   &plain,    &[RECEIVE_ONLY],               Receive,       "topic/a/restricted/x", "explicit deny"),
        ("iot dev guide: thing policy variables",                &attached, &[THING],                      Publish,       "topic/pump-7",      "allowed"),
        ("iot dev guide: thing policy variables",                &attached, &[HALL],                       Publish,       "topic/hall/3/pump", "allowed"),
        ("iot dev guide: thing policy variables",                &attached, &[HALL],                       Publish,       "topic/hall/4/pump", "implicit deny"),
        ("iot dev guide: IsAttached",                            &attached, &[ATTACHED],                   Publish,       "topic/a",           "allowed"),
        ("iot dev guide: IsAttached",                            &loose,    &[ATTACHED],                   Publish,       "topic/a",           "implicit deny"),
        ("iot dev guide: IsAttached",                            &plain,    &[ATTACHED],                   Publish,       "topic/a",           "implicit deny"),
        ("iot dev guide: unresolved variables lose an allow",    &loose,    &[THING],                      Publish,       "topic/pump-7",      "implicit deny"),
        ("iot dev guide: unresolved variables lose a deny too",  &loose,    &[ALLOW_ALL, DENY_THING],      Publish,       "topic/pump-7",      "allowed"),
        ("iot dev guide: thing policy variables",                &attached, &[ALLOW_ALL, DENY_THING],      Publish,       "topic/pump-7",      "explicit deny"),
        ("ours: what cannot be evaluated is denied",             &plain,    &[ALLOW_ALL, DENY_WHEN],       Publish,       "topic/a",           "explicit deny"),
        ("ours: what cannot be evaluated is denied",             &plain,    &[ALLOW_WHEN],                 Publish,       "topic/a",           "implicit deny"),
        ("IAM: AND over operators, one is false",                &plain,    &[ALLOW_ALL, DENY_WHEN_OTHER], Publish,       "topic/a",           "allowed"),
    ];
    for (source, context, policies, action, resource, expected) in table {
        assert_eq!(outcome(&set(policies), *action, resource, context), *expected, "{source}: {action} {resource}");
    }
}

/// iot dev guide, "Connect policy examples": which of the four kinds of CONNECT five policies let in.
#[test]
fn connect_attributes() {
    let allow = |condition: &str| {
        format!(r#"{{"Effect": "Allow", "Action": "iot:Connect", "Resource": "ARN:client/pump-7"{condition}}}"#)
    };
    let any_deny = r#"{"Effect": "Deny", "Action": "iot:Connect", "Resource": "ARN:client/pump-7",
        "Condition": {"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect", "LastWill"]}}}"#;
    let all = |values: &str| {
        format!(r#", "Condition": {{"ForAllValues:StringEquals": {{"iot:ConnectAttributes": [{values}]}}}}"#)
    };
    let any = |values: &str| {
        format!(r#", "Condition": {{"ForAnyValue:StringEquals": {{"iot:ConnectAttributes": [{values}]}}}}"#)
    };
    #[rustfmt::skip] // statements                                       clean  persistent  will   both
    let table = [
        (allow(""),                                                     [true,  true,       true,  true]),
        (allow(&all(r#""PersistentConnect""#)),                         [true,  true,       false, false]),
        (allow(&all(r#""LastWill""#)),                                  [true,  false,      true,  false]),
        (allow(&all(r#""PersistentConnect", "LastWill""#)),             [true,  true,       true,  true]),
        (allow(&any(r#""PersistentConnect""#)),                         [false, true,       false, true]),
        (format!("{}, {any_deny}", allow("")),                          [true,  false,      false, false]),
    ];
    for (statements, expected) in table {
        let policies = set(&[&format!(r#"{{"Statement": [{statements}]}}"#)]);
        let kinds = [(false, false), (true, false), (false, true), (true, true)];
        let seen = kinds.map(|(persistent_connect, last_will)| {
            let context = Context { persistent_connect, last_will, ..context("pump-7") };
            outcome(&policies, ActionName::Connect, "client/pump-7", &context) == "allowed"
        });
        assert_eq!(seen, expected, "{statements}");
    }
}

#[test]
fn a_refusal_tells_the_operator_why() {
    let deny = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "no", "Effect": "Deny", "Action": "*", "Resource": "ARN:topic/a"}]}"#;
    #[rustfmt::skip] // policies                why
    let table: &[(&[&str], &str)] = &[
        (&[],                                   "no policy is attached to the certificate"),
        (&[DENY_SECRET, NOT_RESOURCE],          "no statement allows it in `p1`, `p2`"),
        (&[THING, HALL],                        "no statement allows it in `p1`, `p2`; without a value: `${iot:Connection.Thing.ThingName}`, \
                                                 `${iot:Connection.Thing.Attributes[hall]}`, `${iot:Connection.Thing.ThingTypeName}`"),
        (&[ALLOW_WHEN],                         "no statement allows it in `p1`; the condition of statement 1 of policy `p1` cannot be evaluated"),
        (&[ALLOW_ALL, deny],                    "statement 2 (`no`) of policy `p2` denies it"),
        (&[ALLOW_ALL, DENY_WHEN],               "statement 1 of policy `p2` denies it, because its condition cannot be evaluated"),
    ];
    let resource = format!("{ARN}topic/a");
    for (policies, why) in table {
        let denied = decide(ActionName::Receive, &resource, &set(policies), &context("pump-7")).unwrap_err();
        assert_eq!(denied.to_string(), format!("iot:Receive on `{resource}` is denied: {why}"));
    }
}
