//! Members of an object, by name.
use std::collections::{BTreeMap, BTreeSet};

use sekisho_types::memory::allocated;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::tree::Node;

/// In the order of their names, without room to spare: a shadow may have thousands of objects of one member, and a B-tree's node takes the
/// room of eleven.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "BTreeMap<Box<str>, Node>")]
pub(crate) struct Members(Vec<(Box<str>, Node)>);

impl Members {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.find(name).ok().map(|at| &self.0[at].1)
    }

    fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.find(name).ok().map(|at| &mut self.0[at].1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0.iter().map(|(name, node)| (&**name, node))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Merges what an update brings: null removes, an object goes into an object, all else takes the place of what was there.
    pub(crate) fn merge(&mut self, update: &Map<String, Value>, at: i64) {
        let (mut added, mut removed) = (Vec::new(), BTreeSet::new());
        for (name, value) in update {
            match (self.get_mut(name), value) {
                (Some(Node::Object(members)), Value::Object(update)) => members.merge(update, at),
                (known, value) => match (known, Node::new(value, at)) {
                    (Some(known), Some(node)) => *known = node,
                    (None, Some(node)) => added.push((name.as_str().into(), node)),
                    (Some(_), None) => drop(removed.insert(name.as_str())),
                    (None, None) => {}
                },
            }
        }
        if !removed.is_empty() {
            self.0.retain(|(name, _)| !removed.contains(&**name));
        }
        if !added.is_empty() {
            self.0.append(&mut added);
            self.0.sort_by(|(one, _), (two, _)| one.cmp(two));
        }
        self.0.shrink_to_fit();
    }

    /// What they take in memory beside themselves.
    pub(crate) fn heap_bytes(&self) -> usize {
        let inside: usize = self.iter().map(|(name, node)| allocated(name.len()) + node.heap_bytes()).sum();
        allocated(size_of_val(self.0.as_slice())) + inside
    }
}

impl From<BTreeMap<Box<str>, Node>> for Members {
    fn from(members: BTreeMap<Box<str>, Node>) -> Self {
        members.into_iter().collect()
    }
}

/// From what is in the order of its names.
impl FromIterator<(Box<str>, Node)> for Members {
    fn from_iter<I: IntoIterator<Item = (Box<str>, Node)>>(members: I) -> Self {
        let mut members: Vec<_> = members.into_iter().collect();
        debug_assert!(members.is_sorted_by(|(one, _), (two, _)| one < two));
        members.shrink_to_fit();
        Self(members)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}
