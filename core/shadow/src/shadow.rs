//! One shadow: what is desired, what is reported, and an update of both.
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::members::Members;
use crate::request::compact_bytes;
use crate::tree;

/// What a shadow costs in memory beside its state: itself, its name and its thing's, its place among the others.
const SHADOW_BYTES: usize = 512;

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
                Some(Value::Object(update)) => members.merge(update, at.seconds()),
                Some(_) => members.clear(),
                None => {}
            }
        }
        self.version = version;
        let sections = [&self.desired, &self.reported].into_iter().filter(|members| !members.is_empty());
        self.state_bytes = sections.map(|members| compact_bytes(&tree::state(members))).sum();
    }

    /// What it takes in memory.
    pub(crate) fn weight(&self) -> usize {
        SHADOW_BYTES + self.desired.heap_bytes() + self.reported.heap_bytes()
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
