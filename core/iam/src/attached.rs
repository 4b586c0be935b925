//! A document on a resource: kept as its text, read once, asked often.
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{MalformedPolicy, ResourcePolicy};

/// A document as it was attached. One that is malformed is kept too: a document of earlier days may be, and whoever asks says
/// what that means.
#[derive(Clone, Debug)]
pub struct AttachedPolicy(Arc<Read>);

#[derive(Debug)]
struct Read {
    text: String,
    policy: Result<ResourcePolicy, MalformedPolicy>,
}

impl AttachedPolicy {
    /// Reads a document.
    pub fn new(text: String) -> Self {
        Self(Arc::new(Read { policy: ResourcePolicy::parse(&text), text }))
    }

    /// As it came.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// What it says.
    ///
    /// # Errors
    /// [`MalformedPolicy`].
    pub fn policy(&self) -> Result<&ResourcePolicy, &MalformedPolicy> {
        self.0.policy.as_ref()
    }
}

impl PartialEq for AttachedPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for AttachedPolicy {}

impl Serialize for AttachedPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AttachedPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_travels_as_its_text() {
        for (text, good) in
            [(r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#, true), ("x", false)]
        {
            let attached = AttachedPolicy::new(text.into());
            assert_eq!(attached.policy().is_ok(), good);
            let json = serde_json::to_string(&attached).unwrap();
            assert_eq!(json, serde_json::to_string(text).unwrap());
            assert_eq!(serde_json::from_str::<AttachedPolicy>(&json).unwrap(), attached);
        }
    }
}
