//! A section of a shadow: every leaf with the time it was set, so that metadata mirrors the state by construction.
use sekisho_types::memory::allocated;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::members::Members;

/// A value in a section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Node {
    /// Text, number or truth value, and when it was set, in seconds since the epoch.
    #[serde(rename = "v")]
    Leaf(Value, i64),
    /// Replaced whole.
    #[serde(rename = "a")]
    Array(Box<[Node]>),
    /// Merged member by member.
    #[serde(rename = "o")]
    Object(Members),
}

impl Node {
    /// What `value` becomes where there is nothing yet. `None` for null, and for an object that brings nothing but null.
    pub(crate) fn new(value: &Value, at: i64) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(Self::Leaf(value.clone(), at)),
            Value::Array(items) => Some(Self::Array(items.iter().filter_map(|item| Self::new(item, at)).collect())),
            Value::Object(members) => {
                let mut object = Members::default();
                object.merge(members, at);
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

    /// What it takes in memory beside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::Leaf(Value::String(text), _) => allocated(text.len()),
            Self::Leaf(..) => 0,
            Self::Array(items) => allocated(size_of_val(&**items)) + items.iter().map(Self::heap_bytes).sum::<usize>(),
            Self::Object(members) => members.heap_bytes(),
        }
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

/// What is desired, and not reported or reported otherwise; `None` if nothing is. What is only reported never counts.
pub(crate) fn delta(desired: &Members, reported: &Members) -> Option<Members> {
    let differing = desired.iter().filter_map(|(name, desired)| {
        let differs = match (desired, reported.get(name)) {
            (Node::Object(desired), Some(Node::Object(reported))) => Node::Object(delta(desired, reported)?),
            (desired, Some(reported)) if desired.is(reported) => return None,
            (desired, _) => desired.clone(),
        };
        Some((name.into(), differs))
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
