//! A section of a shadow: every leaf with the time it was set, so that metadata mirrors the state by construction.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Members of an object.
pub(crate) type Members = BTreeMap<Box<str>, Node>;

/// A value in a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Node {
    /// Text, number or truth value, and when it was set, in seconds since the epoch.
    #[serde(rename = "v")]
    Leaf(Value, i64),
    /// Replaced whole.
    #[serde(rename = "a")]
    Array(Vec<Node>),
    /// Merged member by member.
    #[serde(rename = "o")]
    Object(Members),
}

impl Node {
    /// What `value` becomes where there is nothing yet. `None` for null, and for an object that brings nothing but null.
    fn new(value: &Value, at: i64) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(Self::Leaf(value.clone(), at)),
            Value::Array(items) => Some(Self::Array(items.iter().filter_map(|item| Self::new(item, at)).collect())),
            Value::Object(members) => {
                let mut object = Members::new();
                merge(&mut object, members, at);
                (members.is_empty() || !object.is_empty()).then_some(Self::Object(object))
            }
        }
    }

    /// Without the times.
    pub(crate) fn state(&self) -> Value {
        match self {
            Self::Leaf(value, _) => value.clone(),
            Self::Array(items) => items.iter().map(Self::state).collect(),
            Self::Object(members) => state(members),
        }
    }

    /// The times alone.
    pub(crate) fn metadata(&self) -> Value {
        match self {
            Self::Leaf(_, at) => json!({ "timestamp": at }),
            Self::Array(items) => items.iter().map(Self::metadata).collect(),
            Self::Object(members) => metadata(members),
        }
    }

    /// Values that are neither array nor object; an empty one of these counts as one.
    pub(crate) fn leaves(&self) -> usize {
        let inside: usize = match self {
            Self::Leaf(..) => 1,
            Self::Array(items) => items.iter().map(Self::leaves).sum(),
            Self::Object(members) => members.values().map(Self::leaves).sum(),
        };
        inside.max(1)
    }

    /// Whether both are the same value. `1` and `1.0` are the same number; the order of members says nothing.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Leaf(Value::Number(one), _), Self::Leaf(Value::Number(two), _)) => {
                one == two || (one.is_f64() || two.is_f64()) && one.as_f64() == two.as_f64()
            }
            (Self::Leaf(one, _), Self::Leaf(two, _)) => one == two,
            (Self::Array(one), Self::Array(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.is(two))
            }
            (Self::Object(one), Self::Object(two)) => {
                one.len() == two.len() && one.iter().all(|(name, one)| two.get(name).is_some_and(|two| one.is(two)))
            }
            (Self::Leaf(..) | Self::Array(_) | Self::Object(_), _) => false,
        }
    }
}

/// Merges what an update brings: null removes, an object goes into an object, all else takes the place of what was there.
pub(crate) fn merge(into: &mut Members, update: &Map<String, Value>, at: i64) {
    for (name, value) in update {
        match (into.get_mut(name.as_str()), value) {
            (Some(Node::Object(members)), Value::Object(update)) => merge(members, update, at),
            (_, value) => match Node::new(value, at) {
                Some(node) => drop(into.insert(name.as_str().into(), node)),
                None => drop(into.remove(name.as_str())),
            },
        }
    }
}

/// What is desired, and not reported or reported otherwise; `None` if nothing is. What is only reported never counts.
pub(crate) fn delta(desired: &Members, reported: &Members) -> Option<Members> {
    let differing = desired.iter().filter_map(|(name, desired)| {
        let differs = match (desired, reported.get(name)) {
            (Node::Object(desired), Some(Node::Object(reported))) => Node::Object(delta(desired, reported)?),
            (desired, Some(reported)) if desired.is(reported) => return None,
            (desired, _) => desired.clone(),
        };
        Some((name.clone(), differs))
    });
    let differing: Members = differing.collect();
    (!differing.is_empty()).then_some(differing)
}

/// An object without the times.
pub(crate) fn state(members: &Members) -> Value {
    Value::Object(members.iter().map(|(name, node)| (name.to_string(), node.state())).collect())
}

/// An object's times alone.
pub(crate) fn metadata(members: &Members) -> Value {
    Value::Object(members.iter().map(|(name, node)| (name.to_string(), node.metadata())).collect())
}
