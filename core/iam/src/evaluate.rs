//! Explicit deny > allow > nothing (IAM user guide: "Policy evaluation logic").
use crate::ResourcePolicy;
use crate::document::{Matched, Statement};
use crate::pattern::fits;

/// What is known of a request: condition keys with their values, and which keys there are at all.
#[derive(Clone, Debug)]
pub struct Context {
    values: Vec<(String, String)>,
    is_known: fn(&str) -> bool,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The caller's ARN, `arn:aws:iam::<account>:…`.
    pub principal: &'a str,
    /// Such as `s3:PutObject`.
    pub action: &'a str,
    /// Its ARN.
    pub resource: &'a str,
}

/// What a document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement denies it, whatever others say.
    Deny,
    /// A statement allows it.
    Allow,
    /// No statement is about it.
    Silent,
}

impl Context {
    /// From keys with their values; a key with several is there several times. `is_known` says of a key in lower case whether its
    /// value is ever told here: one that is known and not among the values is absent from the request; with one that is not
    /// known, a deny applies and an allow does not.
    pub fn new<K: AsRef<str>, V: Into<String>>(
        values: impl IntoIterator<Item = (K, V)>,
        is_known: fn(&str) -> bool,
    ) -> Self {
        let values = values.into_iter().map(|(key, value)| (normalised(key.as_ref()), value.into()));
        Self { values: values.collect(), is_known }
    }

    /// `None` for a key nobody here knows.
    pub(crate) fn values(&self, key: &str) -> Option<Vec<&str>> {
        let found: Vec<&str> =
            self.values.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).collect();
        (!found.is_empty() || (self.is_known)(&key.to_ascii_lowercase())).then_some(found)
    }
}

/// Keys are compared in any letter case, but the names that some end with (of a tag, of a pair of an encryption context) are not.
pub(crate) fn normalised(key: &str) -> String {
    const CONTEXT: &str = "kms:encryptioncontext:";
    let lower = key.to_ascii_lowercase();
    let fixed = if lower.starts_with(CONTEXT) { CONTEXT.len() } else { key.find('/').unwrap_or(key.len()) };
    format!("{}{}", &lower[..fixed], &key[fixed..])
}

impl ResourcePolicy {
    /// What it says of a request.
    pub fn decide(&self, request: &Request<'_>, context: &Context) -> Decision {
        let about: Vec<&Statement> =
            self.statements.iter().filter(|statement| statement.applies(request, context)).collect();
        match (about.iter().any(|statement| !statement.allows), about.is_empty()) {
            (true, _) => Decision::Deny,
            (false, false) => Decision::Allow,
            (false, true) => Decision::Silent,
        }
    }
}

impl Statement {
    fn applies(&self, request: &Request<'_>, context: &Context) -> bool {
        let action = |pattern: &String| fits(&pattern.to_ascii_lowercase(), &request.action.to_ascii_lowercase());
        is(&self.principals, |name| is_principal(name, request.principal))
            && is(&self.actions, action)
            && is(&self.resources, |pattern| fits(pattern, request.resource))
            && self.conditions.iter().all(|condition| condition.holds(context).unwrap_or(!self.allows))
    }
}

fn is(matched: &Matched<Vec<String>>, fits: impl Fn(&String) -> bool) -> bool {
    matched.of.iter().any(fits) != matched.not
}

/// An account, by its number or its root, stands for everybody in it, and a role for its sessions.
fn is_principal(name: &str, caller: &str) -> bool {
    let account = caller.split(':').nth(4).unwrap_or_default();
    let is_account = || name == account || name == format!("arn:aws:iam::{account}:root");
    name == "*" || name == caller || is_account() || is_role_of(name, account, caller)
}

/// `arn:aws:iam::<account>:role/<path><role>` and `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
fn is_role_of(name: &str, account: &str, caller: &str) -> bool {
    let session = caller.strip_prefix("arn:aws:sts::").and_then(|rest| rest.strip_prefix(account));
    let session = session.and_then(|rest| rest.strip_prefix(":assumed-role/")).and_then(|rest| rest.split_once('/'));
    let role = name.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_prefix(account));
    let role = role.and_then(|rest| rest.strip_prefix(":role/")).and_then(|path| path.rsplit('/').next());
    session.is_some_and(|(of, _)| role == Some(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions() {
        let policy = ResourcePolicy::parse(
            r#"{"Version": "2012-10-17", "Statement": [
              {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
               "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
              {"Effect": "Deny", "Principal": {"AWS": "111111111111"}, "NotAction": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
              {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": ["s3:get*"], "Resource": "arn:aws:s3:::b/open/*"}]}"#,
        )
        .unwrap();
        let (root, other) = ("arn:aws:iam::000000000000:root", "arn:aws:iam::111111111111:user/x");
        #[rustfmt::skip] // source                                    caller  action           resource                   TLS      decision
        let table = [
            ("a deny with a condition that holds",                    root,   "s3:GetObject",  "arn:aws:s3:::b/open/k",   "false", Decision::Deny),
            ("actions in any letter case",                            root,   "s3:GetObject",  "arn:aws:s3:::b/open/k",   "true",  Decision::Allow),
            ("another resource",                                      root,   "s3:GetObject",  "arn:aws:s3:::b/k",        "true",  Decision::Silent),
            ("another bucket",                                        root,   "s3:GetObject",  "arn:aws:s3:::c/k",        "false", Decision::Silent),
            ("NotAction, for everybody in an account",                other,  "s3:PutObject",  "arn:aws:s3:::b/k",        "true",  Decision::Deny),
            ("NotAction: but for what it names",                      other,  "s3:GetObject",  "arn:aws:s3:::b/k",        "true",  Decision::Silent),
        ];
        for (source, principal, action, resource, tls, expected) in table {
            let context = Context::new([("aws:SecureTransport", tls)], |_| true);
            assert_eq!(policy.decide(&Request { principal, action, resource }, &context), expected, "{source}");
        }
        assert!(!policy.is_public());
    }

    #[test]
    fn a_role_stands_for_its_sessions() {
        let session = "arn:aws:sts::000000000000:assumed-role/reader/pump-7";
        #[rustfmt::skip] // IAM user guide: "AWS JSON policy elements: Principal"   is meant
        let table = [
            ("arn:aws:iam::000000000000:role/reader",                              true),
            ("arn:aws:iam::000000000000:role/devices/reader",                      true),
            ("arn:aws:sts::000000000000:assumed-role/reader/pump-7",               true),
            ("arn:aws:iam::000000000000:root",                                     true),
            ("000000000000",                                                       true),
            ("arn:aws:iam::000000000000:role/writer",                              false),
            ("arn:aws:iam::111111111111:role/reader",                              false),
            ("arn:aws:sts::000000000000:assumed-role/reader/pump-8",               false),
            ("arn:aws:iam::000000000000:role/pump-7",                              false),
        ];
        for (name, is_meant) in table {
            assert_eq!(is_principal(name, session), is_meant, "{name}");
        }
        assert!(!is_principal("arn:aws:iam::000000000000:role/reader", "arn:aws:iam::000000000000:root"));
    }

    #[test]
    fn what_cannot_be_evaluated_is_denied() {
        let policy = |effect: &str| {
            let statement = format!(
                r#"{{"Effect": "{effect}", "Principal": "*", "Action": "*", "Resource": "*", "Condition": {{"StringEquals": {{"aws:SourceVpc": "x"}}}}}}"#
            );
            ResourcePolicy::parse(&format!(r#"{{"Statement": {statement}}}"#)).unwrap()
        };
        let request =
            Request { principal: "arn:aws:iam::0:root", action: "s3:GetObject", resource: "arn:aws:s3:::b/k" };
        let context = |is_known| Context::new([("a", "b")], is_known);
        assert_eq!(policy("Deny").decide(&request, &context(|_| false)), Decision::Deny);
        assert_eq!(policy("Allow").decide(&request, &context(|_| false)), Decision::Silent);
        assert_eq!(policy("Deny").decide(&request, &context(|_| true)), Decision::Silent, "absent from the request");
    }

    #[test]
    fn names_in_keys_keep_their_case() {
        assert_eq!(normalised("KMS:EncryptionContext:Team"), "kms:encryptioncontext:Team");
        assert_eq!(normalised("S3:ExistingObjectTag/Team"), "s3:existingobjecttag/Team");
        assert_eq!(normalised("aws:SourceIp"), "aws:sourceip");
    }

    #[test]
    fn documents_that_are_none() {
        let statement = |inner: &str| format!(r#"{{"Statement": [{{{inner}}}]}}"#);
        let whole = r#""Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*""#;
        assert!(ResourcePolicy::parse(&statement(whole)).is_ok_and(|policy| policy.is_public()));
        #[rustfmt::skip] // document                                                                            says
        let table = [
            ("[]".to_owned(),                                                                                   "valid JSON"),
            ("{}".to_owned(),                                                                                   "Statement"),
            (statement(&whole.replace("Allow", "Permit")),                                                      "effect"),
            (statement(&whole.replace(r#""Principal": "*", "#, "")),                                            "Principal"),
            (statement(&whole.replace(r#""*""#, r#""arn""#)),                                                   "principal"),
            (statement(&format!(r#"{whole}, "Condition": {{"Is": {{"a": "b"}}}}"#)),                            "Conditions"),
            (statement(&format!(r#"{whole}, "Effect": "Deny""#)),                                               "valid JSON"),
            (statement(&whole.replace("b/*", "${aws:PrincipalAccount}/*")),                                      "variables"),
            (statement(&format!(r#"{whole}, "Other": 1"#)),                                                     "Other"),
        ];
        for (document, says) in table {
            let error = ResourcePolicy::parse(&document).unwrap_err().to_string();
            assert!(error.contains(says), "{document}: {error}");
        }
        bolero::check!(name = "resource_policy").for_each(|bytes: &[u8]| {
            if let Ok(policy) = ResourcePolicy::parse(&String::from_utf8_lossy(bytes)) {
                let request =
                    Request { principal: "arn:aws:iam::0:root", action: "s3:GetObject", resource: "arn:aws:s3:::b/k" };
                let _ = policy.decide(&request, &Context::new([("a", "b")], |_| true));
            }
        });
    }
}
