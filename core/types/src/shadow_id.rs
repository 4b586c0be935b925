//! Which of a thing's shadows: the classic one, or one by its name.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ShadowName, ThingName};

/// A shadow. The classic one sorts before those with names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShadowId {
    /// Whose. The thing need not be in the registry.
    pub thing: ThingName,
    /// Its name; the classic shadow has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ShadowName>,
}

impl ShadowId {
    /// What it is called in a refusal: its name, or its thing's if it is the classic one.
    pub fn called(&self) -> &str {
        self.name.as_ref().map_or(self.thing.as_str(), ShadowName::as_str)
    }
}

/// `thing`, or `thing/shadow`: as resources of policies name it.
impl fmt::Display for ShadowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{}/{name}", self.thing),
            None => self.thing.fmt(f),
        }
    }
}
