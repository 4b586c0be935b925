//! JSON → statements, checked once (IAM user guide: "IAM JSON policy element reference").
use serde_json::Value;

use crate::condition::Condition;

/// Why a document is none: S3 and KMS say it in words of their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedPolicy(pub String);

/// A document attached to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePolicy {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) allows: bool,
    pub(crate) principals: Matched<Vec<String>>,
    pub(crate) actions: Matched<Vec<String>>,
    pub(crate) resources: Matched<Vec<String>>,
    pub(crate) conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matched<T> {
    pub(crate) not: bool,
    pub(crate) of: T,
}

impl ResourcePolicy {
    /// Parses a document.
    ///
    /// # Errors
    /// [`MalformedPolicy`].
    pub fn parse(text: &str) -> Result<Self, MalformedPolicy> {
        let malformed = |message: &str| MalformedPolicy(message.into());
        let document = sekisho_types::json::parse(text)
            .map_err(|_| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
        let object = document
            .as_object()
            .ok_or_else(|| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
        if let Some(other) = object.keys().find(|name| !["Version", "Id", "Statement"].contains(&name.as_str())) {
            return Err(MalformedPolicy(format!("Unknown field {other}")));
        }
        match object.get("Version").map(Value::as_str) {
            None | Some(Some("2012-10-17" | "2008-10-17")) => {}
            Some(_) => return Err(malformed("The policy must contain a valid version string")),
        }
        let statements: Vec<&Value> = match object.get("Statement") {
            Some(Value::Array(all)) => all.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(malformed("Missing required field Statement")),
        };
        if statements.is_empty() {
            return Err(malformed("Could not parse the policy: Statement is empty!"));
        }
        Ok(Self { statements: statements.into_iter().map(Statement::parse).collect::<Result<_, _>>()? })
    }

    /// Every resource that a statement names.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| &statement.resources.of).map(String::as_str)
    }

    /// Every action that a statement names.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| &statement.actions.of).map(String::as_str)
    }

    /// Whether it lets everybody in: a statement allows it to `*` on no condition.
    pub fn is_public(&self) -> bool {
        self.statements.iter().any(|statement| {
            let everybody = statement.principals.not || statement.principals.of.iter().any(|one| one == "*");
            statement.allows && everybody && statement.conditions.is_empty()
        })
    }
}

impl Statement {
    fn parse(statement: &Value) -> Result<Self, MalformedPolicy> {
        let malformed = |message: &str| MalformedPolicy(message.into());
        let object = statement.as_object().ok_or_else(|| malformed("Statement is not an object"))?;
        let known = [
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
        if let Some(other) = object.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(MalformedPolicy(format!("Unknown field {other}")));
        }
        let allows = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            Some(other) => return Err(MalformedPolicy(format!("Invalid effect: {other}"))),
            None => return Err(malformed("Missing required field Effect")),
        };
        let matched = |name: &str, message: &str| {
            let negated = format!("Not{name}");
            let (not, value) = match (object.get(name), object.get(&negated)) {
                (Some(value), None) => (false, value),
                (None, Some(value)) => (true, value),
                _ => return Err(MalformedPolicy(format!("Missing required field {name}"))),
            };
            let of = if name == "Principal" { principals(value) } else { strings(value) };
            let of = of.filter(|of| !of.is_empty()).ok_or_else(|| malformed(message))?;
            // A variable that nobody puts a value in the place of would make a statement mean nothing.
            if of.iter().any(|text| text.contains("${")) {
                return Err(malformed("Policy variables are not offered by this server yet"));
            }
            Ok(Matched { not, of })
        };
        let conditions = match object.get("Condition") {
            None => Vec::new(),
            Some(block) => {
                let message = "Conditions do not apply to combination of actions and resources in statement";
                if block.to_string().contains("${") {
                    return Err(malformed("Policy variables are not offered by this server yet"));
                }
                Condition::parse_block(block).ok_or_else(|| malformed(message))?
            }
        };
        Ok(Self {
            allows,
            principals: matched("Principal", "Invalid principal in policy")?,
            actions: matched("Action", "Policy has invalid action")?,
            resources: matched("Resource", "Policy has invalid resource")?,
            conditions,
        })
    }
}

/// `"*"`, or an object of kinds; of `AWS`, accounts stand for their root.
fn principals(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => (text == "*").then(|| vec![text.clone()]),
        Value::Object(kinds) => {
            let mut all = Vec::new();
            for (kind, names) in kinds {
                let names = strings(names)?;
                match kind.as_str() {
                    "AWS" => all.extend(names),
                    "Service" | "Federated" | "CanonicalUser" => {
                        all.extend(names.into_iter().map(|name| format!("{kind}:{name}")));
                    }
                    _ => return None,
                }
            }
            Some(all)
        }
        _ => None,
    }
}

/// The strings of an element that is one or several.
pub(crate) fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
