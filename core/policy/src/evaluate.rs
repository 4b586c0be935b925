//! The decision: explicit deny, else allow, else implicit deny (IAM user guide, "Policy evaluation logic").
use std::fmt;

use sekisho_identity::DeviceIdentity;
use sekisho_sigv4::Operator;
use sekisho_types::PolicyName;

use crate::document::{Effect, Statement};
use crate::{Action, Context, Permit, PolicySet};

/// Why something is not allowed, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    action: &'static str,
    resource: String,
    cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    Explicit { policy: PolicyName, statement: usize, sid: Option<String> },
    Implicit { policies: Vec<PolicyName> },
    NotATopic,
}

impl Denied {
    pub(crate) fn not_a_topic(text: &str) -> Self {
        Self { action: "publishing or receiving", resource: text.to_owned(), cause: Cause::NotATopic }
    }

    /// Whether a statement denies it; otherwise no statement allows it.
    pub fn is_explicit(&self) -> bool {
        matches!(self.cause, Cause::Explicit { .. })
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on `{}` is denied: ", self.action, self.resource)?;
        match &self.cause {
            Cause::Explicit { policy, statement, sid } => {
                write!(f, "statement {statement}")?;
                if let Some(sid) = sid {
                    write!(f, " (`{sid}`)")?;
                }
                write!(f, " of policy `{policy}` denies it")
            }
            Cause::NotATopic => f.write_str("it is not a topic name"),
            Cause::Implicit { policies } if policies.is_empty() => {
                f.write_str("no policy is attached to the certificate")
            }
            Cause::Implicit { policies } => {
                f.write_str("no statement allows it in ")?;
                for (number, policy) in policies.iter().enumerate() {
                    write!(f, "{}`{policy}`", if number == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Denied {}

/// Asks whether `who` may do `action`.
///
/// # Errors
/// [`Denied`], with the statement at fault.
pub fn authorize<A: Action>(
    who: &DeviceIdentity,
    action: A,
    policies: &PolicySet,
    context: &Context,
) -> Result<Permit<A>, Denied> {
    decide(A::NAME, &context.tenant.arn("iot", action.resource()), policies, context)?;
    Ok(Permit::new(Some(who.certificate_id()), action))
}

/// The account's operator may do everything: IoT policies speak of devices.
pub fn authorize_operator<A: Action>(_: &Operator, action: A) -> Permit<A> {
    Permit::new(None, action)
}

pub(crate) fn decide(
    action: &'static str,
    resource: &str,
    policies: &PolicySet,
    context: &Context,
) -> Result<(), Denied> {
    let denied = |cause| Denied { action, resource: resource.to_owned(), cause };
    let mut allowed = false;
    for (name, document) in policies.iter() {
        for (index, statement) in document.statements().iter().enumerate() {
            match statement.effect {
                Effect::Deny if applies(statement, action, resource, context, true) => {
                    let sid = statement.sid.clone();
                    return Err(denied(Cause::Explicit { policy: name.clone(), statement: index + 1, sid }));
                }
                Effect::Allow if !allowed => allowed = applies(statement, action, resource, context, false),
                Effect::Allow | Effect::Deny => {}
            }
        }
    }
    if allowed {
        return Ok(());
    }
    let policies = policies.iter().map(|(name, _)| name.clone()).collect();
    Err(denied(Cause::Implicit { policies }))
}

/// `if_unknown`: what a condition that cannot be evaluated counts as. A deny then applies and an allow does not.
fn applies(statement: &Statement, action: &str, resource: &str, context: &Context, if_unknown: bool) -> bool {
    statement.actions.covers(action)
        && statement.resources.covers(resource, context)
        && statement.conditions.iter().all(|condition| condition.holds(context).unwrap_or(if_unknown))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::context::tests::context;
    use crate::{Context, PolicyDocument};

    const TOPIC: &str = "arn:aws:iot:us-east-1:000000000000:topic";

    fn outcome(documents: &[&str], action: &'static str, resource: &str, context: &Context) -> &'static str {
        let name = |n: usize| PolicyName::parse(&format!("p{n}")).unwrap();
        let parsed =
            documents.iter().enumerate().map(|(n, text)| (name(n), Arc::new(PolicyDocument::parse(text).unwrap())));
        match decide(action, resource, &PolicySet::new(parsed.collect()), context) {
            Ok(()) => "allowed",
            Err(denied) if denied.is_explicit() => "explicit deny",
            Err(_) => "implicit deny",
        }
    }

    #[test]
    fn decisions() {
        let allow_all = r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}"#;
        let deny_secret = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": ["iot:Publish"],
            "Resource": ["arn:aws:iot:us-east-1:000000000000:topic/secret/*"]}]}"#;
        let own = r#"{"Statement": {"Effect": "Allow", "Action": "iot:Publish",
            "Resource": "arn:aws:iot:us-east-1:000000000000:topic/factory/${iot:ClientId}/*"}}"#;
        let not_resource = r#"{"Statement": {"Effect": "Allow", "Action": "iot:Publish",
            "NotResource": "arn:aws:iot:us-east-1:000000000000:topic/secret/*"}}"#;
        let not_action = r#"{"Statement": {"Effect": "Allow", "NotAction": "iot:Connect", "Resource": "*"}}"#;
        let thing = r#"{"Statement": {"Effect": "Deny", "Action": "*",
            "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${iot:Connection.Thing.ThingName}"}}"#;
        let unknown_deny = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}}"#;
        let unknown_allow = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}}"#;
        #[rustfmt::skip] // source                                   policies                    action         topic           outcome
        let table: &[(&str, &[&str], &'static str, &str, &str)] = &[
            ("IAM: default deny",                                    &[],                        "iot:Publish", "a",            "implicit deny"),
            ("IAM: an allow is enough",                              &[allow_all],               "iot:Publish", "a",            "allowed"),
            ("IAM: deny beats allow, whatever their order",          &[allow_all, deny_secret],  "iot:Publish", "secret/x",     "explicit deny"),
            ("IAM: deny beats allow, whatever their order",          &[deny_secret, allow_all],  "iot:Publish", "secret/x",     "explicit deny"),
            ("IAM: a deny speaks of its action alone",               &[allow_all, deny_secret],  "iot:Receive", "secret/x",     "allowed"),
            ("iot dev guide: ${iot:ClientId}",                       &[own],                     "iot:Publish", "factory/pump-7/t", "allowed"),
            ("iot dev guide: ${iot:ClientId}",                       &[own],                     "iot:Publish", "factory/pump-8/t", "implicit deny"),
            ("iot dev guide: NotResource",                           &[not_resource],            "iot:Publish", "open/x",       "allowed"),
            ("iot dev guide: NotResource",                           &[not_resource],            "iot:Publish", "secret/x",     "implicit deny"),
            ("IAM: NotAction",                                       &[not_action],              "iot:Publish", "a",            "allowed"),
            ("IAM: NotAction",                                       &[not_action],              "iot:Connect", "a",            "implicit deny"),
            ("iot dev guide: unresolved variables lose a deny too",  &[allow_all, thing],        "iot:Publish", "pump-7",       "allowed"),
            ("ours: what cannot be evaluated is denied",             &[allow_all, unknown_deny], "iot:Publish", "a",            "explicit deny"),
            ("ours: what cannot be evaluated is denied",             &[unknown_allow],           "iot:Publish", "a",            "implicit deny"),
        ];
        for (source, policies, action, topic, expected) in table {
            let resource = format!("{TOPIC}/{topic}");
            assert_eq!(outcome(policies, action, &resource, &context("pump-7")), *expected, "{source}: {topic}");
        }
    }

    #[rustfmt::skip] // document                                                                     where and why
    const MALFORMED: &[(&str, &str)] = &[
        ("",                                                                                          "document: EOF while parsing a value at line 1 column 0"),
        ("[]",                                                                                        "document: not a JSON object"),
        (r#"{"Statement": []}"#,                                                                      "Statement: empty"),
        (r#"{"Version": "2013", "Statement": []}"#,                                                   "Version: neither 2012-10-17 nor 2008-10-17"),
        (r#"{"Statement": {"Effect": "Maybe", "Action": "iot:*", "Resource": "*"}}"#,                 "Statement 1, Effect: neither Allow nor Deny"),
        (r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#,                                    "Statement 1: Action is missing"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "Publish", "Resource": "*"}}"#,               "Statement 1, Action: `Publish` is not `service:Action`"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "topic/a"}}"#,           "Statement 1, Resource: `topic/a` is neither an ARN nor `*`"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": 7}}"#,                   "Statement 1, Resource: neither a string nor a list of strings"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Principal": "*"}}"#, "Statement 1: `Principal` is not an element of it"),
    ];

    #[test]
    fn malformed_documents_are_told_where_and_why() {
        for (document, message) in MALFORMED {
            assert_eq!(PolicyDocument::parse(document).unwrap_err().to_string(), *message);
        }
        let long =
            format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "iot:*", "Resource": "{}"}}}}"#, "*".repeat(2048));
        assert!(PolicyDocument::parse(&long).unwrap_err().to_string().contains("2048"));
    }

    #[test]
    fn a_refusal_names_the_statement() {
        let document = r#"{"Statement": [{"Sid": "no", "Effect": "Deny", "Action": "*", "Resource": "*"}]}"#;
        let set = PolicySet::new(vec![(
            PolicyName::parse("strict").unwrap(),
            Arc::new(PolicyDocument::parse(document).unwrap()),
        )]);
        let denied = decide("iot:Publish", "arn:x", &set, &context("a")).unwrap_err();
        assert_eq!(
            denied.to_string(),
            "iot:Publish on `arn:x` is denied: statement 1 (`no`) of policy `strict` denies it"
        );
    }

    #[test]
    fn no_document_panics() {
        bolero::check!().with_type::<String>().for_each(|text| {
            if let Ok(document) = PolicyDocument::parse(text) {
                let set = PolicySet::new(vec![(PolicyName::parse("p").unwrap(), Arc::new(document))]);
                let _ = decide("iot:Publish", "arn:aws:iot:us-east-1:000000000000:topic/a", &set, &context("a"));
            }
        });
    }
}
