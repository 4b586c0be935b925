//! A policy document: parsed and checked once (developer guide, "AWS IoT Core policies"; grammar as IAM's).
use std::sync::Arc;

use sekisho_types::PolicyName;
use serde_json::{Map, Value};

use crate::Context;
use crate::condition::Condition;
use crate::pattern::Pattern;

/// Characters of a document that are not white space (quotas: "Policy document size").
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
}

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

/// Action or NotAction; names match without regard to letter case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actions {
    patterns: Vec<String>,
    negated: bool,
}

impl Actions {
    pub fn covers(&self, action: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.patterns.iter().any(|pattern| simple_glob(pattern.as_bytes(), action.as_bytes())) != self.negated
    }
}

/// Resource or NotResource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resources {
    patterns: Vec<Pattern>,
    negated: bool,
}

impl Resources {
    pub fn covers(&self, resource: &str, context: &Context) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(resource, context)) != self.negated
    }
}

/// The documents attached to a principal, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct PolicySet(Arc<[(PolicyName, Arc<PolicyDocument>)]>);

impl PolicySet {
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
        let document: Value = serde_json::from_str(json).map_err(|error| malformed("document", error.to_string()))?;
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
            Some(Value::Array(statements)) => statements.iter().collect(),
            Some(statement) => vec![statement],
        };
        let statements =
            statements.into_iter().enumerate().map(|(index, statement)| parse_statement(index + 1, statement));
        Ok(Self { statements: statements.collect::<Result<_, _>>()? })
    }

    /// A document that says nothing, and so allows nothing.
    pub fn empty() -> Self {
        Self { statements: Vec::new() }
    }

    pub(crate) fn statements(&self) -> &[Statement] {
        &self.statements
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
    let (actions, negated) = one_of(statement, &place, "Action", "NotAction")?;
    for action in &actions {
        let service = action.split_once(':').map(|(service, _)| service);
        if action != "*" && !service.is_some_and(|service| !service.is_empty()) {
            return Err(malformed(format!("{place}, Action"), format!("`{action}` is not `service:Action`")));
        }
    }
    let actions = Actions { patterns: actions.iter().map(|action| action.to_ascii_lowercase()).collect(), negated };
    let (resources, negated) = one_of(statement, &place, "Resource", "NotResource")?;
    for resource in &resources {
        if resource != "*" && !resource.starts_with("arn:") && !resource.starts_with(['*', '?', '$']) {
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
pub(crate) fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// `*` and `?` over lower-case ASCII names.
fn simple_glob(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            simple_glob(rest, text) || text.split_first().is_some_and(|(_, text)| simple_glob(pattern, text))
        }
        (Some((b'?', pattern)), Some((_, text))) => simple_glob(pattern, text),
        (Some((p, pattern)), Some((t, text))) if p == t => simple_glob(pattern, text),
        _ => false,
    }
}
