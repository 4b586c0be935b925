//! Key policies: may this caller do this with the key?
//!
//! Explicit deny, then allow of the policy or of a grant, then implicit deny. What cannot be evaluated is denied: with a condition
//! operator or key that is not known here an allow does not apply, and a deny does.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{EncryptionContext, Grant, Key, Kms, KmsError};

/// A key policy, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyPolicy {
    statements: Vec<Statement>,
}

/// What is asked, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<'a> {
    /// Without `kms:`, such as `Decrypt` or `ReEncryptFrom`.
    pub action: &'a str,
    /// Who: an ARN.
    pub principal: String,
    /// The context that goes with the operation.
    pub context: &'a EncryptionContext,
    /// The values of the other condition keys, by their names in lower case.
    pub values: BTreeMap<&'static str, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Statement {
    allows: bool,
    principals: Listed,
    actions: Listed,
    resources: Listed,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, and likewise.
#[derive(Clone, Debug, PartialEq)]
struct Listed {
    patterns: Vec<String>,
    all_but: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    operator: String,
    key: String,
    values: Vec<String>,
}

/// Condition keys that are known here; one without a value in a request is absent from it.
const KEYS: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "kms:calleraccount",
    "kms:encryptionalgorithm",
    "kms:encryptioncontextkeys",
    "kms:grantconstrainttype",
    "kms:granteeprincipal",
    "kms:grantisforawsresource",
    "kms:grantoperations",
    "kms:keyorigin",
    "kms:keyspec",
    "kms:keyusage",
    "kms:macalgorithm",
    "kms:messagetype",
    "kms:requestalias",
    "kms:resourcealiases",
    "kms:retiringprincipal",
    "kms:signingalgorithm",
    "kms:viaservice",
];
/// Followed by the name of a pair.
const CONTEXT_KEY: &str = "kms:encryptioncontext:";

impl KeyPolicy {
    pub(crate) fn parse(text: &str) -> Result<Self, KmsError> {
        let malformed = |what: &str| KmsError::MalformedPolicy(format!("the key policy has {what}"));
        let Ok(Value::Object(document)) = serde_json::from_str(text) else {
            return Err(malformed("to be a JSON object"));
        };
        const MEMBERS: &[&str] = &["Version", "Id", "Statement"];
        if let Some(other) = document.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(malformed(&format!("no member `{other}`")));
        }
        if document.get("Version").is_some_and(|version| version != "2012-10-17" && version != "2008-10-17") {
            return Err(malformed("Version 2012-10-17 or 2008-10-17"));
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement @ Value::Object(_)) => vec![statement],
            _ => return Err(malformed("to have a Statement")),
        };
        let statements = statements.into_iter().map(|statement| {
            let object = statement.as_object().ok_or("a Statement that is an object");
            object.and_then(Statement::parse).map_err(malformed)
        });
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }

    /// `Some(true)` for an allow, `Some(false)` for a deny, `None` where nothing is said.
    fn says(&self, asked: &Asked<'_>, arn: &str) -> Option<bool> {
        let speaks = |allows| self.statements.iter().any(|s| s.allows == allows && s.applies(asked, arn));
        if speaks(false) { Some(false) } else { speaks(true).then_some(true) }
    }
}

impl Statement {
    fn parse(object: &Map<String, Value>) -> Result<Self, &'static str> {
        const MEMBERS: &[&str] = &[
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        if object.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
            return Err("a member in a Statement that is none");
        }
        let allows = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("Effect Allow or Deny in each Statement"),
        };
        let listed = |name: &str, not: &str, read: fn(&Value) -> Option<Vec<String>>| match (
            object.get(name),
            object.get(not),
        ) {
            (Some(value), None) => read(value).map(|patterns| Listed { patterns, all_but: false }),
            (None, Some(value)) => read(value).map(|patterns| Listed { patterns, all_but: true }),
            _ => None,
        };
        let mut conditions = Vec::new();
        if let Some(condition) = object.get("Condition") {
            for (operator, keys) in condition.as_object().ok_or("a Condition that is an object")? {
                for (key, values) in keys.as_object().ok_or("a Condition of operators and keys")? {
                    let values = scalars(values).ok_or("values in a Condition")?;
                    conditions.push(Condition { operator: operator.clone(), key: key.clone(), values });
                }
            }
        }
        Ok(Self {
            allows,
            principals: listed("Principal", "NotPrincipal", principals).ok_or("a Principal in each Statement")?,
            actions: listed("Action", "NotAction", texts).ok_or("an Action in each Statement")?,
            resources: listed("Resource", "NotResource", texts).ok_or("a Resource in each Statement")?,
            conditions,
        })
    }

    fn applies(&self, asked: &Asked<'_>, arn: &str) -> bool {
        let action = format!("kms:{}", asked.action);
        // The account itself is named by its ARN or its number.
        let account = asked.principal.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
        let is_caller = |pattern: &str| {
            pattern == "*" || pattern == asked.principal || account.is_some_and(|account| pattern == account)
        };
        self.principals.holds(is_caller)
            && self.actions.holds(|pattern| like(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase()))
            && self.resources.holds(|pattern| like(pattern, arn))
            && self.conditions.iter().all(|condition| condition.holds(asked).unwrap_or(!self.allows))
    }
}

impl Listed {
    fn holds(&self, matches: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern)) != self.all_but
    }
}

impl Condition {
    /// `None` where the operator or the key is not known.
    fn holds(&self, asked: &Asked<'_>) -> Option<bool> {
        let (quantifier, rest) = match self.operator.split_once(':') {
            Some((quantifier @ ("ForAnyValue" | "ForAllValues"), rest)) => (Some(quantifier), rest),
            Some(_) => return None,
            None => (None, self.operator.as_str()),
        };
        let found = asked.value(&self.key)?;
        if rest == "Null" {
            return Some(self.values.iter().any(|value| (value == "true") == found.is_none()));
        }
        let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
        let (matches, negated): (fn(&str, &str) -> bool, bool) = match name {
            "StringEquals" => (|pattern, value| pattern == value, false),
            "StringNotEquals" => (|pattern, value| pattern == value, true),
            "StringEqualsIgnoreCase" | "Bool" => (str::eq_ignore_ascii_case, false),
            "StringNotEqualsIgnoreCase" => (str::eq_ignore_ascii_case, true),
            "StringLike" | "ArnLike" | "ArnEquals" => (like, false),
            "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (like, true),
            _ => return None,
        };
        let Some(found) = found else { return Some(if_exists || negated || quantifier == Some("ForAllValues")) };
        let one = |value: &String| self.values.iter().any(|pattern| matches(pattern, value)) != negated;
        Some(match quantifier {
            Some("ForAnyValue") => found.iter().any(one),
            _ => found.iter().all(one),
        })
    }
}

impl Asked<'_> {
    /// The outer `None` is a key nobody here knows, the inner one a key this request has not.
    fn value(&self, key: &str) -> Option<Option<Vec<String>>> {
        let lower = key.to_ascii_lowercase();
        if lower.starts_with(CONTEXT_KEY) {
            // The names of keys have no case, but those of pairs do.
            return Some(self.context.get(&key[CONTEXT_KEY.len()..]).map(|value| vec![value.clone()]));
        }
        if lower == "kms:encryptioncontextkeys" {
            let names: Vec<String> = self.context.keys().cloned().collect();
            return Some((!names.is_empty()).then_some(names));
        }
        KEYS.contains(&lower.as_str()).then(|| self.values.get(lower.as_str()).cloned())
    }
}

impl Grant {
    fn allows(&self, asked: &Asked<'_>) -> bool {
        let granted = &self.granted;
        let constrained = granted.constraints.as_ref().is_none_or(|constraints| {
            let (subset, equals) = (&constraints.encryption_context_subset, &constraints.encryption_context_equals);
            let has = |(name, value): (&String, &String)| asked.context.get(name) == Some(value);
            subset.as_ref().is_none_or(|pairs| pairs.iter().all(has))
                && equals.as_ref().is_none_or(|pairs| pairs == asked.context)
        });
        let unconstrained = matches!(asked.action, "DescribeKey" | "RetireGrant");
        granted.grantee_principal == asked.principal
            && granted.operations.iter().any(|operation| operation.as_str() == asked.action)
            && (constrained || unconstrained)
    }
}

impl Kms {
    /// What the account's root asks, with what is known of key and account.
    pub fn asked<'a>(&self, action: &'a str, key: &Key, context: &'a EncryptionContext) -> Asked<'a> {
        let account = self.tenant().account.as_str();
        let principal = format!("arn:aws:iam::{account}:root");
        let of_key = self.aliases().filter(|alias| alias.target == key.key_id).map(|alias| alias.name.clone());
        let aliases: Vec<String> = of_key.collect();
        let mut values = BTreeMap::from([
            ("aws:principalaccount", vec![account.to_owned()]),
            ("aws:principalarn", vec![principal.clone()]),
            ("aws:requestedregion", vec![self.tenant().region.as_str().to_owned()]),
            ("kms:calleraccount", vec![account.to_owned()]),
            ("kms:keyorigin", vec![key.origin.to_string()]),
            ("kms:keyspec", vec![key.spec.to_string()]),
            ("kms:keyusage", vec![key.usage.to_string()]),
        ]);
        if !aliases.is_empty() {
            values.insert("kms:resourcealiases", aliases);
        }
        Asked { action, principal, context, values }
    }

    /// That the key's policy, or a grant, lets `asked` be done with `key`.
    ///
    /// # Errors
    /// [`KmsError::AccessDenied`].
    pub fn authorize(&self, key: &Key, asked: &Asked<'_>) -> Result<(), KmsError> {
        let arn = key.arn(self.tenant());
        if allows(key, &arn, self.grants_of(&key.key_id), asked) {
            return Ok(());
        }
        let (principal, action) = (asked.principal.clone(), asked.action.to_owned());
        Err(KmsError::AccessDenied { principal, action, resource: arn })
    }

    /// As [`Kms::authorize`], for a service that encrypts in the account's name.
    ///
    /// S3 passes its caller on: its encryption context tells it, and nobody else's can leave that pair out. A delivery stream has
    /// what is a grant on AWS, made with the stream.
    pub(crate) fn authorize_service(
        &self,
        key: &Key,
        action: &str,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        if key.policy.is_none() || !context.contains_key("aws:s3:arn") {
            return Ok(());
        }
        let mut asked = self.asked(action, key, context);
        asked.values.insert("kms:viaservice", vec![format!("s3.{}.amazonaws.com", self.tenant().region)]);
        asked.values.insert("kms:encryptionalgorithm", vec!["SYMMETRIC_DEFAULT".to_owned()]);
        self.authorize(key, &asked)
    }

    /// That whoever puts this policy can put another.
    pub(crate) fn check_lockout(&self, key: &Key) -> Result<(), KmsError> {
        let none = EncryptionContext::new();
        self.authorize(key, &self.asked("PutKeyPolicy", key, &none)).map_err(|_| {
            let message = "The new key policy will not allow you to update the key policy in the future.";
            KmsError::MalformedPolicy(message.to_owned())
        })
    }
}

/// Whether `asked` may be done with `key`.
///
/// A policy from before policies were judged may be none: then the account can look at it and put another, and no more.
fn allows<'a>(key: &Key, arn: &str, mut grants: impl Iterator<Item = &'a Grant>, asked: &Asked<'_>) -> bool {
    let Some(text) = &key.policy else { return true };
    let said = match KeyPolicy::parse(text) {
        Ok(policy) => policy.says(asked, arn),
        Err(_) => Some(matches!(asked.action, "GetKeyPolicy" | "PutKeyPolicy")),
    };
    said.unwrap_or_else(|| grants.any(|grant| grant.allows(asked)))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// Texts, booleans and numbers, as texts.
fn scalars(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        other => scalar(other).map(|one| vec![one]),
    }
}

/// `"*"`, or `{"AWS": …, "Service": …}`; who is no AWS principal is nobody who calls here.
fn principals(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) if text == "*" => Some(vec![text.clone()]),
        Value::Object(kinds) => {
            let mut all = Vec::new();
            for (kind, value) in kinds {
                let named = texts(value)?;
                match kind.as_str() {
                    "AWS" => all.extend(named),
                    "Service" | "Federated" | "CanonicalUser" => {}
                    _ => return None,
                }
            }
            Some(all)
        }
        _ => None,
    }
}

/// `*` is any text, `?` any character. Linear in the product of the lengths at worst.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}
