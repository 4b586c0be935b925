//! One shadow: what is desired, what is reported, and an update of both.
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::request::compact_bytes;
use crate::tree::{self, Members};

/// What a leaf costs in memory beside its text: its node, its time.
const LEAF_BYTES: usize = 64;
/// What a shadow costs in memory beside its state: its name, its thing's, its place among the others.
const SHADOW_BYTES: usize = 256;

/// A shadow. A section without members is a section that is not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub(crate) desired: Members,
    #[serde(default, skip_serializing_if = "Members::is_empty")]
    pub(crate) reported: Members,
    /// One more with every update.
    pub(crate) version: u64,
    /// What its state has as compact JSON.
    #[serde(default)]
    pub(crate) state_bytes: usize,
    #[serde(default)]
    pub(crate) leaves: usize,
}

impl Shadow {
    /// One more with every update, and going on when a shadow is deleted and made again.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Merges the sections of an update.
    pub(crate) fn update(&mut self, state: &Map<String, Value>, version: u64, at: Timestamp) {
        for (section, members) in [("desired", &mut self.desired), ("reported", &mut self.reported)] {
            match state.get(section) {
                Some(Value::Object(update)) => tree::merge(members, update, at.seconds()),
                Some(_) => members.clear(),
                None => {}
            }
        }
        self.version = version;
        let sections = [&self.desired, &self.reported].into_iter().filter(|members| !members.is_empty());
        (self.state_bytes, self.leaves) = sections.fold((0, 0), |(bytes, leaves), members| {
            let count = members.values().map(tree::Node::leaves).sum::<usize>();
            (bytes + compact_bytes(&tree::state(members)), leaves + count)
        });
    }

    /// What it costs in memory, near enough.
    pub(crate) fn weight(&self) -> usize {
        SHADOW_BYTES + self.state_bytes + self.leaves * LEAF_BYTES
    }

    /// What is desired and not reported so.
    pub(crate) fn delta(&self) -> Option<Members> {
        tree::delta(&self.desired, &self.reported)
    }

    /// `{desired?, reported?}`, each as `of` sees it.
    pub(crate) fn sections(&self, of: fn(&Members) -> Value) -> Map<String, Value> {
        let sections = [("desired", &self.desired), ("reported", &self.reported)];
        let there = sections.into_iter().filter(|(_, members)| !members.is_empty());
        there.map(|(name, members)| (name.to_owned(), of(members))).collect()
    }
}
