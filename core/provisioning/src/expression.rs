//! Expressions: text, `Ref`, and the functions of the template language (developer guide: provision-template).
//!
//! An object with one member called `Ref` or `Fn::…` is an expression, wherever a value may stand. Depth is bounded by the
//! JSON parser's own limit, size by the template's.
use std::collections::BTreeMap;

use sekisho_types::Tenant;
use serde_json::{Map, Value};

use crate::ProvisionError;

/// Bytes a function may make. Names are short and a policy has 2,048 characters; and then: provisioning fails.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Two-level tables of text.
pub(crate) type Mappings = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;

/// What names in an expression stand for.
pub(crate) struct Scope<'a> {
    /// The declared parameters that have a value.
    pub(crate) values: &'a BTreeMap<String, String>,
    /// Every declared name.
    pub(crate) is_declared: &'a dyn Fn(&str) -> bool,
    pub(crate) mappings: &'a Mappings,
    pub(crate) tenant: &'a Tenant,
    /// The expressions make the text of a JSON document: a parameter's value stays inside the string it is put into.
    pub(crate) in_json: bool,
}

/// Works an expression out that must be text.
pub(crate) fn text(value: &Value, at: &str, scope: &Scope<'_>) -> Result<String, ProvisionError> {
    match worked_out(value, at, scope)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(fail(at, format!("text was expected, {} came", kind(&other)))),
    }
}

/// Works an expression out that must be a list of text.
pub(crate) fn list(value: &Value, at: &str, scope: &Scope<'_>) -> Result<Vec<String>, ProvisionError> {
    match worked_out(value, at, scope)? {
        Value::Array(items) => items.iter().map(|item| text(item, at, scope)).collect(),
        other => Err(fail(at, format!("a list was expected, {} came", kind(&other)))),
    }
}

/// Works every expression out that a value holds.
pub(crate) fn worked_out(value: &Value, at: &str, scope: &Scope<'_>) -> Result<Value, ProvisionError> {
    match value {
        Value::Object(object) => match function(object) {
            Some((name, argument)) => match call(name, argument, &format!("{at}.{name}"), scope)? {
                Value::String(text) if text.len() > TEXT_BYTES_MAX => {
                    Err(fail(at, format!("more than {TEXT_BYTES_MAX} bytes of text come out")))
                }
                value => Ok(value),
            },
            None => {
                let members = object
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), worked_out(value, &format!("{at}.{name}"), scope)?)));
                members.collect::<Result<Map<_, _>, _>>().map(Value::Object)
            }
        },
        Value::Array(items) => items.iter().map(|item| worked_out(item, at, scope)).collect(),
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(value.clone()),
    }
}

/// The function an object is, if it is one.
pub(crate) fn function(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = object.iter().next().filter(|_| object.len() == 1)?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name.as_str(), argument))
}

fn call(name: &str, argument: &Value, at: &str, scope: &Scope<'_>) -> Result<Value, ProvisionError> {
    let pair = || match argument.as_array().map(Vec::as_slice) {
        Some([first, second]) => Ok((first, second)),
        _ => Err(fail(at, "a list of two was expected".into())),
    };
    match name {
        "Ref" => {
            let name = argument.as_str().ok_or_else(|| fail(at, "the name of a parameter was expected".into()))?;
            value_of(name, at, scope).map(Value::String)
        }
        "Fn::Join" => {
            let (delimiter, items) = pair()?;
            Ok(Value::String(list(items, at, scope)?.join(&text(delimiter, at, scope)?)))
        }
        "Fn::Select" => {
            let (index, items) = pair()?;
            let (index, items) = (text(index, at, scope)?, list(items, at, scope)?);
            let chosen = index.parse::<usize>().ok().and_then(|index| items.get(index));
            let missing = || fail(at, format!("there is no item `{index}` in a list of {}", items.len()));
            chosen.cloned().map(Value::String).ok_or_else(missing)
        }
        "Fn::Split" => {
            let (delimiter, source) = pair()?;
            let (delimiter, source) = (text(delimiter, at, scope)?, text(source, at, scope)?);
            if delimiter.is_empty() {
                return Err(fail(at, "the delimiter is empty".into()));
            }
            Ok(source.split(delimiter.as_str()).map(|part| Value::String(part.into())).collect())
        }
        "Fn::FindInMap" => {
            let Some([map, first, second]) = argument.as_array().map(Vec::as_slice) else {
                return Err(fail(at, "a list of three was expected".into()));
            };
            let keys = [text(map, at, scope)?, text(first, at, scope)?, text(second, at, scope)?];
            let found = scope.mappings.get(&keys[0]).and_then(|map| map.get(&keys[1])?.get(&keys[2]));
            let missing = || fail(at, format!("the mappings have no `{}`", keys.join(".")));
            found.cloned().map(Value::String).ok_or_else(missing)
        }
        "Fn::Sub" => match argument {
            Value::String(pattern) => substitute(pattern, &BTreeMap::new(), at, scope).map(Value::String),
            Value::Array(items) => match items.as_slice() {
                [Value::String(pattern), Value::Object(names)] => {
                    let own = names.iter().map(|(name, value)| Ok((name.clone(), text(value, at, scope)?)));
                    let own = own.collect::<Result<BTreeMap<_, _>, _>>()?;
                    substitute(pattern, &own, at, scope).map(Value::String)
                }
                _ => Err(fail(at, "text, or a list of text and an object, was expected".into())),
            },
            _ => Err(fail(at, "text, or a list of text and an object, was expected".into())),
        },
        other => Err(fail(at, format!("`{other}` is not a function of the template language"))),
    }
}

/// A parameter's or pseudo parameter's value.
fn value_of(name: &str, at: &str, scope: &Scope<'_>) -> Result<String, ProvisionError> {
    match name {
        "AWS::Region" => Ok(scope.tenant.region.to_string()),
        "AWS::AccountId" => Ok(scope.tenant.account.to_string()),
        _ => match scope.values.get(name) {
            Some(value) if scope.in_json => Ok(json_escaped(value)),
            Some(value) => Ok(value.clone()),
            None if (scope.is_declared)(name) => Err(ProvisionError::MissingParameters(vec![name.to_owned()])),
            None => Err(fail(at, format!("`{name}` is not a declared parameter"))),
        },
    }
}

/// Puts values into `${Name}`. What is not a declared name stays as it is, for policy variables such as `${iot:ClientId}`
/// look the same; `${!Name}` becomes `${Name}`, as in CloudFormation.
fn substitute(
    pattern: &str,
    own: &BTreeMap<String, String>,
    at: &str,
    scope: &Scope<'_>,
) -> Result<String, ProvisionError> {
    let (mut out, mut rest) = (String::with_capacity(pattern.len()), pattern);
    while let Some(start) = rest.find("${") {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let Some(end) = rest.find('}') else { break };
        let name = &rest[2..end];
        if let Some(literal) = name.strip_prefix('!') {
            out.push_str(&format!("${{{literal}}}"));
        } else if let Some(value) = own.get(name) {
            out.push_str(value);
        } else if matches!(name, "AWS::Region" | "AWS::AccountId") || (scope.is_declared)(name) {
            out.push_str(&value_of(name, at, scope)?);
        } else {
            out.push_str(&rest[..=end]);
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// As it stands between the quotation marks of a JSON string.
fn json_escaped(value: &str) -> String {
    let quoted = Value::String(value.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn fail(at: &str, problem: String) -> ProvisionError {
    ProvisionError::Expression { at: at.to_owned(), problem }
}
