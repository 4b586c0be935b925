//! A policy document: parsed and checked once (iot dev guide: "AWS IoT Core policies"; its grammar is IAM's).
use std::sync::Arc;

use sekisho_types::{PolicyName, json};
use serde_json::{Map, Value};

use crate::condition::Condition;
use crate::pattern::Pattern;
use crate::variable::Variable;
use crate::{ActionName, Context};

/// Characters of a document that are not white space (iot quotas: "Policy document size").
pub const DOCUMENT_CHARS_MAX: usize = 2048;

/// Where a document is malformed, and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct MalformedPolicy {
    place: String,
    problem: String,
}

fn malformed(place: impl Into<String>, problem: impl Into<String>) -> MalformedPolicy {
    MalformedPolicy { place: place.into(), problem: problem.into() }
}

/// A policy, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    statements: Vec<Statement>,
    asks_for_certificate: bool,
    asks_for_time: bool,
}

/// The documents attached to a principal, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct PolicySet(Arc<[(PolicyName, Arc<PolicyDocument>)]>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub sid: Option<String>,
    pub effect: Effect,
    pub actions: Actions,
    pub resources: Resources,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// Action or NotAction: for each of [`ActionName::ALL`], whether it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actions([bool; ActionName::ALL.len()]);

/// Resource or NotResource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    patterns: Vec<Pattern>,
    negated: bool,
}

impl PolicyDocument {
    /// Parses and checks the JSON text of a document.
    ///
    /// # Errors
    /// [`MalformedPolicy`], naming the element.
    pub fn parse(json: &str) -> Result<Self, MalformedPolicy> {
        if json.chars().filter(|c| !c.is_whitespace()).count() > DOCUMENT_CHARS_MAX {
            return Err(malformed(
                "document",
                format!("more than {DOCUMENT_CHARS_MAX} characters that are not white space"),
            ));
        }
        let document = json::parse(json).map_err(|error| malformed("document", error.to_string()))?;
        let Value::Object(document) = document else { return Err(malformed("document", "not a JSON object")) };
        only(&document, "document", &["Version", "Id", "Statement"])?;
        match document.get("Version") {
            None => {}
            Some(Value::String(version)) if version == "2012-10-17" || version == "2008-10-17" => {}
            Some(_) => return Err(malformed("Version", "neither 2012-10-17 nor 2008-10-17")),
        }
        let statements = match document.get("Statement") {
            None => return Err(malformed("Statement", "missing")),
            Some(Value::Array(statements)) if statements.is_empty() => return Err(malformed("Statement", "empty")),
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(statement) => std::slice::from_ref(statement),
        };
        let statements = (1..).zip(statements).map(|(number, statement)| parse_statement(number, statement));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        let mut sids: Vec<_> = statements.iter().filter_map(|statement| statement.sid.as_deref()).collect();
        sids.sort_unstable();
        // IAM user guide: "the Sid value must be unique within a JSON policy".
        if let Some(twice) = sids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(malformed("Statement", format!("the Sid `{}` is there twice", twice[0])));
        }
        let asks = |of: fn(&Variable) -> bool| statements.iter().flat_map(Statement::variables).any(of);
        Ok(Self {
            asks_for_certificate: asks(|variable| matches!(variable, Variable::Certificate(_))),
            asks_for_time: asks(|variable| matches!(variable, Variable::CurrentTime | Variable::EpochTime)),
            statements,
        })
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

impl PolicySet {
    /// The documents of a custom authorizer's answer, called `policyDocuments-1` and so on: they have no names of their own.
    ///
    /// # Errors
    /// [`MalformedPolicy`], naming the document.
    pub fn of_answer(documents: &[String]) -> Result<Self, MalformedPolicy> {
        let parse = |(number, text): (usize, &String)| {
            let name = format!("policyDocuments-{number}");
            let document = PolicyDocument::parse(text)
                .map_err(|MalformedPolicy { place, problem }| malformed(format!("{name}: {place}"), problem))?;
            Ok((PolicyName::parse(&name).expect("letters, digits and a hyphen"), Arc::new(document)))
        };
        (1..).zip(documents).map(parse).collect::<Result<Vec<_>, _>>().map(Self::new)
    }

    /// A set of named documents.
    pub fn new(policies: Vec<(PolicyName, Arc<PolicyDocument>)>) -> Self {
        Self(policies.into())
    }

    /// Each with its name.
    pub fn iter(&self) -> std::slice::Iter<'_, (PolicyName, Arc<PolicyDocument>)> {
        self.0.iter()
    }

    /// Whether no policy is attached.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a document names a variable of the certificate: only then is it worth taking the certificate apart.
    pub fn asks_for_certificate(&self) -> bool {
        self.iter().any(|(_, document)| document.asks_for_certificate)
    }

    /// Whether a decision may be another one a moment later.
    pub fn asks_for_time(&self) -> bool {
        self.iter().any(|(_, document)| document.asks_for_time)
    }
}

impl Statement {
    fn variables(&self) -> impl Iterator<Item = &Variable> {
        let named = self.resources.patterns.iter().flat_map(Pattern::variables);
        named.chain(self.conditions.iter().flat_map(Condition::variables))
    }

    /// Names of variables and keys without a value in `context`, as far as they keep it from being about `resource`.
    pub fn missing<'a>(&'a self, resource: &str, context: &'a Context) -> impl Iterator<Item = &'a str> {
        let unresolved = self.resources.patterns.iter().flat_map(|pattern| pattern.unresolved(context));
        let reached = self.resources.covers(resource, context);
        let conditions = self.conditions.iter().filter(move |_| reached);
        unresolved.chain(conditions.flat_map(|condition| condition.missing(context)))
    }
}

impl Actions {
    /// Names match without regard to letter case.
    fn new(names: &[String], negated: bool) -> Self {
        let patterns: Vec<Pattern> = names.iter().map(|name| Pattern::glob(&name.to_ascii_lowercase())).collect();
        let named = |action: &str| patterns.iter().any(|pattern| pattern.matches_without_context(action));
        Self(ActionName::ALL.map(|action| named(&action.as_str().to_ascii_lowercase()) != negated))
    }

    pub fn covers(&self, action: ActionName) -> bool {
        self.0[action as usize]
    }
}

impl Resources {
    pub fn covers(&self, resource: &str, context: &Context) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(resource, context)) != self.negated
    }
}

fn parse_statement(number: usize, statement: &Value) -> Result<Statement, MalformedPolicy> {
    let place = format!("Statement {number}");
    let Value::Object(statement) = statement else { return Err(malformed(place, "not a JSON object")) };
    only(statement, &place, &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"])?;
    let effect = match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(malformed(format!("{place}, Effect"), "neither Allow nor Deny")),
    };
    let (names, negated) = one_of(statement, &place, "Action", "NotAction")?;
    for name in &names {
        let service = name.split_once(':').map(|(service, _)| service);
        if name != "*" && service.is_none_or(str::is_empty) {
            return Err(malformed(format!("{place}, Action"), format!("`{name}` is not `service:Action`")));
        }
    }
    let actions = Actions::new(&names, negated);
    let (resources, negated) = one_of(statement, &place, "Resource", "NotResource")?;
    for resource in &resources {
        if !resource.starts_with("arn:") && !resource.starts_with(['*', '?', '$']) {
            return Err(malformed(format!("{place}, Resource"), format!("`{resource}` is neither an ARN nor `*`")));
        }
    }
    let resources =
        Resources { patterns: resources.iter().map(|resource| Pattern::parse(resource)).collect(), negated };
    let conditions = match statement.get("Condition") {
        None => Vec::new(),
        Some(block) => {
            Condition::parse_block(block).map_err(|problem| malformed(format!("{place}, Condition"), problem))?
        }
    };
    let sid = match statement.get("Sid") {
        None => None,
        Some(Value::String(sid)) => Some(sid.clone()),
        Some(_) => return Err(malformed(format!("{place}, Sid"), "not a string")),
    };
    Ok(Statement { sid, effect, actions, resources, conditions })
}

fn only(object: &Map<String, Value>, place: &str, known: &[&str]) -> Result<(), MalformedPolicy> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(unknown) => Err(malformed(place, format!("`{unknown}` is not an element of it"))),
        None => Ok(()),
    }
}

/// Exactly one of an element and its negation: a string or a list of strings, not empty.
fn one_of(
    statement: &Map<String, Value>,
    place: &str,
    plain: &str,
    negation: &str,
) -> Result<(Vec<String>, bool), MalformedPolicy> {
    let (name, value, negated) = match (statement.get(plain), statement.get(negation)) {
        (Some(value), None) => (plain, value, false),
        (None, Some(value)) => (negation, value, true),
        (None, None) => return Err(malformed(place, format!("{plain} is missing"))),
        (Some(_), Some(_)) => return Err(malformed(place, format!("{plain} and {negation} exclude each other"))),
    };
    let texts = strings(value)
        .ok_or_else(|| malformed(format!("{place}, {name}"), "neither a string nor a list of strings"))?;
    if texts.is_empty() { Err(malformed(format!("{place}, {name}"), "empty")) } else { Ok((texts, negated)) }
}

/// A string, or a list of them.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // document                                                                     where and why
    const MALFORMED: &[(&str, &str)] = &[
        ("",                                                                                          "document: EOF while parsing a value at line 1 column 0"),
        ("[]",                                                                                        "document: not a JSON object"),
        (r#"{"Statement": {}, "Statement": {}}"#,                                                     "document: `Statement` is there twice at line 1 column 29"),
        (r#"{"Version": "2013", "Statement": []}"#,                                                   "Version: neither 2012-10-17 nor 2008-10-17"),
        (r#"{"Version": "2012-10-17"}"#,                                                              "Statement: missing"),
        (r#"{"Statement": []}"#,                                                                      "Statement: empty"),
        (r#"{"Statement": ["x"]}"#,                                                                   "Statement 1: not a JSON object"),
        (r#"{"Statement": {"Effect": "Maybe", "Action": "iot:*", "Resource": "*"}}"#,                 "Statement 1, Effect: neither Allow nor Deny"),
        (r#"{"Statement": {"Effect": "allow", "Action": "iot:*", "Resource": "*"}}"#,                 "Statement 1, Effect: neither Allow nor Deny"),
        (r#"{"Statement": {"Effect": "Allow", "Resource": "*"}}"#,                                    "Statement 1: Action is missing"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}}"#,   "Statement 1: Action and NotAction exclude each other"),
        (r#"{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}"#,                      "Statement 1, Action: empty"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "Publish", "Resource": "*"}}"#,               "Statement 1, Action: `Publish` is not `service:Action`"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "topic/a"}}"#,           "Statement 1, Resource: `topic/a` is neither an ARN nor `*`"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": 7}}"#,                   "Statement 1, Resource: neither a string nor a list of strings"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Principal": "*"}}"#, "Statement 1: `Principal` is not an element of it"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Sid": 1}}"#,       "Statement 1, Sid: not a string"),
        (r#"{"Statement": [{"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"}, {"Sid": "a", "Effect": "Deny", "Action": "*", "Resource": "*"}]}"#, "Statement: the Sid `a` is there twice"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Condition": {"Bool": {"a": "x"}}}}"#, "Statement 1, Condition: `Bool` of `a`: `x` is not true or false"),
        (r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Condition": 1}}"#, "Statement 1, Condition: not a JSON object"),
    ];

    #[test]
    fn malformed_documents_are_told_where_and_why() {
        for (document, message) in MALFORMED {
            assert_eq!(PolicyDocument::parse(document).unwrap_err().to_string(), *message, "{document}");
        }
    }

    /// iot quotas: a policy document has at most 2048 characters, white space not counted.
    #[test]
    fn size_is_counted_without_white_space() {
        let document = |resource: usize, spaces: usize| {
            let resource = "*".repeat(resource);
            let spaces = " ".repeat(spaces);
            format!(r#"{{"Statement":{spaces}{{"Effect":"Allow","Action":"iot:*","Resource":"{resource}"}}}}"#)
        };
        let others = document(0, 0).len();
        assert!(PolicyDocument::parse(&document(DOCUMENT_CHARS_MAX - others, 5000)).is_ok());
        let refused = PolicyDocument::parse(&document(DOCUMENT_CHARS_MAX - others + 1, 0)).unwrap_err();
        assert_eq!(refused.to_string(), "document: more than 2048 characters that are not white space");
    }

    #[rustfmt::skip] // source                      Action                        covers
    const COVERS: &[(&str, &str, &[ActionName])] = &[
        ("IAM: Action",                             "iot:Publish",                &[ActionName::Publish]),
        ("IAM: action names are case-insensitive",  "IoT:publish",                &[ActionName::Publish]),
        ("IAM: Action, wildcards",                  "iot:*Publish",               &[ActionName::Publish, ActionName::RetainPublish]),
        ("IAM: Action, wildcards",                  "iot:Re?eive",                &[ActionName::Receive]),
        ("IAM: Action, wildcards",                  "iot:*",                      &ActionName::ALL),
        ("IAM: Action, wildcards",                  "*",                          &ActionName::ALL),
        ("IAM: Action, another service",            "s3:*",                       &[]),
        ("IAM: Action, wildcards of read actions",  "iot:Get*",                   &[ActionName::GetThingShadow, ActionName::GetRetainedMessage]),
        ("IAM: Action, wildcards",                  "iot:*With*",                 &[ActionName::AssumeRoleWithCertificate]),
        ("IAM: Action, wildcards",                  "iot:Delete*",                &[ActionName::DeleteThingShadow, ActionName::DeleteConnection]),
        ("ours: no variables in actions",           "iot:${*}",                   &[]),
    ];

    #[test]
    fn actions_cover() {
        for (source, name, expected) in COVERS {
            let actions = Actions::new(&[(*name).to_owned()], false);
            let negated = Actions::new(&[(*name).to_owned()], true);
            for action in ActionName::ALL {
                assert_eq!(actions.covers(action), expected.contains(&action), "{source}: {name} and {action}");
                assert_ne!(negated.covers(action), actions.covers(action), "{source}: {name} and {action}");
            }
        }
    }
}
