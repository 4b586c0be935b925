//! What is kept of an MQTT message beside topic and payload.
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::memory::allocated;

/// MQTT5 §3.3.2.3, as far as it outlives the packet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MessageProperties {
    /// §3.3.2.3.2: the payload is UTF-8, or not said to be.
    pub payload_is_utf8: Option<bool>,
    /// §3.3.2.3.3, as a time: from then on nobody is given it.
    pub expires_at: Option<Timestamp>,
    /// §3.3.2.3.5
    pub response_topic: Option<String>,
    /// §3.3.2.3.6
    #[serde(with = "crate::base64_bytes::option")]
    pub correlation_data: Option<Bytes>,
    /// §3.3.2.3.7
    pub user_properties: Vec<(String, String)>,
    /// §3.3.2.3.9
    pub content_type: Option<String>,
}

impl MessageProperties {
    /// What they take in memory beside themselves: every user property its place in the list, however short it is.
    pub fn heap_bytes(&self) -> usize {
        let Self { response_topic, correlation_data, user_properties, content_type, .. } = self;
        let texts =
            [response_topic, content_type].into_iter().flatten().map(|text| allocated(text.len())).sum::<usize>();
        let pair = |(name, value): &(String, String)| allocated(name.len()) + allocated(value.len());
        let pairs =
            allocated(size_of_val(user_properties.as_slice())) + user_properties.iter().map(pair).sum::<usize>();
        correlation_data.as_ref().map_or(0, |data| allocated(data.len())) + pairs + texts
    }

    /// Whether they say nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the message is still for anybody ([MQTT-3.3.2-5]).
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_of_empty_texts_takes_its_place() {
        let empty = (String::new(), String::new());
        let properties = MessageProperties { user_properties: vec![empty; 1_000], ..MessageProperties::default() };
        assert!(properties.heap_bytes() >= 1_000 * size_of::<(String, String)>());
        let short = ("a".to_owned(), "b".to_owned());
        let properties = MessageProperties { user_properties: vec![short; 1_000], ..MessageProperties::default() };
        assert!(properties.heap_bytes() >= 1_000 * (size_of::<(String, String)>() + 2 * 24));
        assert_eq!(MessageProperties::default().heap_bytes(), 0);
    }
}
