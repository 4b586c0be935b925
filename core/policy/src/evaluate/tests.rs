//! Decisions, each after the page that asks for it.
use std::sync::Arc;

use sekisho_types::PolicyName;

use super::*;
use crate::context::tests::{context, thing};
use crate::{Outcome, PolicyDocument, explain};

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
    let resource = format!("{ARN}{resource}");
    let decision = decide(action, &resource, policies, context);
    let explained = explain(action, &resource, policies, context).outcome;
    assert_eq!(explained == Outcome::Allowed, decision.is_ok());
    assert_eq!(explained == Outcome::ExplicitDeny, decision.as_ref().is_err_and(Denied::is_explicit));
    match decision {
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
    "Condition": {"StringEquals": {"aws:SourceVpc": "x"}}}}"#;
const ALLOW_WHEN: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
    "Condition": {"StringEquals": {"aws:SourceVpc": "x"}}}}"#;
const DENY_WHEN_OTHER: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
    "Condition": {"StringEquals": {"aws:SourceVpc": "x", "iot:ClientId": "other"}}}}"#;
const SHADOWS: &str = r#"{"Statement": {"Effect": "Allow", "Action": "iot:Get*", "Resource": ["ARN:thing/pump-7", "ARN:thing/pump-7/a"]}}"#;
const RECEIVE_ONLY: &str = r#"{"Statement": [{"Effect": "Allow", "Action": ["iot:Subscribe", "iot:Receive"], "Resource": "*"},
    {"Effect": "Deny", "Action": "iot:Receive", "Resource": "ARN:topic/a/restricted/*"}]}"#;
const DENY_NOT_RESOURCE: &str = r#"{"Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
    {"Effect": "Deny", "Action": "iot:Publish", "NotResource": ["ARN:topic/open/*", "ARN:topic/own/${iot:ClientId}"]}]}"#;
const DENY_NOT_ACTION: &str = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Effect": "Deny", "NotAction": ["iot:Re*", "iot:CONNECT"], "Resource": "*"}]}"#;
const READ: &str =
    r#"{"Statement": {"Effect": "Allow", "Action": ["iot:Get*", "iot:rec?ive", "iot:SUB*"], "Resource": "*"}}"#;
const ONE_CHARACTER: &str =
    r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": ["ARN:topic/?", "ARN:topicfilter/some/+/topic"]}}"#;
const UNIT: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition":
    {"ForAnyValue:StringEquals": {"iot:Certificate.Subject.OrganizationalUnit.List": "hall 3"}}}}"#;
const UNITS: &str = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition":
    {"ForAllValues:StringEquals": {"iot:Certificate.Subject.OrganizationalUnit.List": ["hall 3", "south"]}}}}"#;
const ISSUED: &str = r#"{"Statement": {"Effect": "Allow", "Action": "iot:Connect", "Resource": "ARN:client/${iot:Certificate.SerialNumber}",
    "Condition": {"Null": {"iot:Certificate.Subject.CommonName": "false", "iot:Certificate.Subject.Country": "true"}}}}"#;

#[test]
fn decisions() {
    use ActionName::{
        Connect, GetThingShadow, ListRetainedMessages, Publish, Receive, RetainPublish, Subscribe, UpdateThingShadow,
    };
    let star = context("*");
    let plus = context("+");
    let other = Context { thing: thing(true), ..context("other") };
    let certified = Context { certificate: Some(Arc::new(crate::certificate::tests::variables())), ..context("17") };
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
        ("iot dev guide: exclusive-thing, any client id",        &other,    &[THING],                      Publish,       "topic/pump-7",      "allowed"),
        ("iot dev guide: exclusive-thing, any client id",        &other,    &[OWN],                        Publish,       "topic/factory/pump-7/t", "implicit deny"),
        ("iot dev guide: a missing attribute",                   &loose,    &[HALL],                       Publish,       "topic/hall/3/pump", "implicit deny"),
        ("IAM: NotResource of a deny",                           &plain,    &[DENY_NOT_RESOURCE],          Publish,       "topic/open/x",      "allowed"),
        ("IAM: NotResource of a deny",                           &plain,    &[DENY_NOT_RESOURCE],          Publish,       "topic/own/pump-7",  "allowed"),
        ("IAM: NotResource of a deny",                           &plain,    &[DENY_NOT_RESOURCE],          Publish,       "topic/own/pump-8",  "explicit deny"),
        ("IAM: NotResource of a deny, another action",           &plain,    &[DENY_NOT_RESOURCE],          Receive,       "topic/own/pump-8",  "allowed"),
        ("IAM: NotAction of a deny",                             &plain,    &[DENY_NOT_ACTION],            Publish,       "topic/a",           "explicit deny"),
        ("IAM: NotAction of a deny, wildcards",                  &plain,    &[DENY_NOT_ACTION],            RetainPublish, "topic/a",           "allowed"),
        ("IAM: NotAction of a deny, letter case",                &plain,    &[DENY_NOT_ACTION],            Connect,       "client/a",          "allowed"),
        ("IAM: action names are case-insensitive",               &plain,    &[READ],                       Subscribe,     "topicfilter/a",     "allowed"),
        ("IAM: ? in action names",                               &plain,    &[READ],                       Receive,       "topic/a",           "allowed"),
        ("IAM: iot:Get* is no iot:Publish",                      &plain,    &[READ],                       Publish,       "topic/a",           "implicit deny"),
        ("iot dev guide: ? is one character",                    &plain,    &[ONE_CHARACTER],              Publish,       "topic/a",           "allowed"),
        ("iot dev guide: ? is one character",                    &plain,    &[ONE_CHARACTER],              Publish,       "topic/ab",          "implicit deny"),
        ("iot dev guide: + is literal in a policy",              &plain,    &[ONE_CHARACTER],              Subscribe,     "topicfilter/some/+/topic", "allowed"),
        ("iot dev guide: + is literal in a policy",              &plain,    &[ONE_CHARACTER],              Subscribe,     "topicfilter/some/x/topic", "implicit deny"),
        ("iot dev guide: the client named + ",                   &plus,     &[OWN],                        Publish,       "topic/factory/+/t", "allowed"),
        ("ours: an inserted * is literal",                       &star,     &[OWN],                        Publish,       "topic/factory/*/t", "allowed"),
        ("ours: an inserted * is literal",                       &star,     &[OWN],                        Publish,       "topic/factory/pump-7/t", "implicit deny"),
        ("iot dev guide: certificate variables, .List",          &certified, &[UNIT],                      Publish,       "topic/a",           "allowed"),
        ("iot dev guide: certificate variables, .List",          &certified, &[UNITS],                     Publish,       "topic/a",           "implicit deny"),
        ("ours: what cannot be evaluated is denied",             &plain,    &[UNITS],                      Publish,       "topic/a",           "implicit deny"),
        ("iot dev guide: certificate variables, Null",           &certified, &[ISSUED],                    Connect,       "client/17",         "allowed"),
        ("iot dev guide: certificate variables",                 &certified, &[ISSUED],                    Connect,       "client/18",         "implicit deny"),
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
        (&[],                                   "no policy is attached to the certificate, nor in a custom authorizer's answer"),
        (&[DENY_SECRET, NOT_RESOURCE],          "no statement allows it in `p1`, `p2`"),
        (&[THING, HALL],                        "no statement allows it in `p1`, `p2`; without a value: `iot:Connection.Thing.ThingName`, \
                                                 `iot:Connection.Thing.Attributes[hall]`, `iot:Connection.Thing.ThingTypeName`"),
        (&[ATTACHED, OWN],                      "no statement allows it in `p1`, `p2`; without a value: `iot:Connection.Thing.IsAttached`"),
        (&[ALLOW_WHEN],                         "no statement allows it in `p1`; the condition of statement 1 of policy `p1` cannot be evaluated; without a value: `aws:SourceVpc`"),
        (&[ALLOW_ALL, deny],                    "statement 2 (`no`) of policy `p2` denies it"),
        (&[ALLOW_ALL, DENY_WHEN],               "statement 1 of policy `p2` denies it, because its condition cannot be evaluated"),
    ];
    let resource = format!("{ARN}topic/a");
    for (policies, why) in table {
        let denied = decide(ActionName::Receive, &resource, &set(policies), &context("pump-7")).unwrap_err();
        assert_eq!(denied.to_string(), format!("iot:Receive on `{resource}` is denied: {why}"));
    }
}

/// A refusal is remembered, so that it tells no more than ten names; who asks beforehand is told all.
#[test]
fn names_without_a_value_are_bounded() {
    let names: Vec<_> =
        (0..MISSING_MAX + 5).map(|n| format!(r#""*${{iot:Connection.Thing.Attributes[a{n}]}}""#)).collect();
    let text = format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": [{}]}}}}"#, names.join(", "));
    let policies = set(&[&text, &text]);
    let denied = decide(ActionName::Publish, ARN, &policies, &context("pump-7")).unwrap_err();
    assert!(matches!(denied.reason(), Reason::Implicit { missing, .. } if missing.len() == MISSING_MAX));
    let all = explain(ActionName::Publish, ARN, &policies, &context("pump-7")).missing;
    assert_eq!((all.len(), all[0].as_str()), (names.len(), "iot:Connection.Thing.Attributes[a0]"));
}

#[test]
fn a_verdict_names_every_statement() {
    let sid = r#"{"Statement": [{"Sid": "all", "Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:Publish", "Resource": "ARN:topic/${iot:Connection.Thing.ThingName}"}]}"#;
    let told = |policies: &[&str], with: &Context| {
        let verdict = explain(ActionName::Publish, &format!("{ARN}topic/pump-7"), &set(policies), with);
        let list = |named: &[StatementName]| named.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let silent: Vec<_> = verdict.silent.iter().map(ToString::to_string).collect();
        [
            list(&verdict.allows),
            list(&verdict.denies),
            list(&verdict.unevaluated),
            silent.join(", "),
            verdict.missing.join(", "),
        ]
    };
    let attached = Context { thing: thing(true), ..context("pump-7") };
    #[rustfmt::skip] // policies                     allow, deny, cannot be evaluated, silent, without a value
    let table: &[(&[&str], &Context, [&str; 5])] = &[
        (&[OWN, sid, ALLOW_ALL],    &attached, ["statement 1 (`all`) of policy `p2`, statement 1 of policy `p3`", "statement 2 of policy `p2`", "", "p1", ""]),
        (&[sid],                    &context("x"), ["statement 1 (`all`) of policy `p1`", "", "", "", "iot:Connection.Thing.ThingName"]),
        (&[DENY_WHEN, ALLOW_WHEN],  &attached, ["", "statement 1 of policy `p1`", "statement 1 of policy `p1`, statement 1 of policy `p2`", "p2", "aws:SourceVpc"]),
        (&[],                       &attached, ["", "", "", "", ""]),
    ];
    for (policies, with, expected) in table {
        assert_eq!(told(policies, with), *expected);
    }
}
