//! What the data API says of a message (iot-data model: GetRetainedMessage, ListRetainedMessages).
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use crate::RetainedMessage;

impl RetainedMessage {
    /// All of it.
    pub fn document(&self, topic: &str) -> Value {
        let mut output = json!({
            "topic": topic,
            "payload": BASE64_STANDARD.encode(&self.payload),
            "qos": self.qos,
            "lastModifiedTime": self.kept_at.millis(),
        });
        if !self.properties.user_properties.is_empty() {
            output["userProperties"] = BASE64_STANDARD.encode(self.user_properties()).into();
        }
        output
    }

    /// That it is there.
    pub fn summary(&self, topic: &str) -> Value {
        json!({
            "topic": topic,
            "payloadSize": self.payload.len(),
            "qos": self.qos,
            "lastModifiedTime": self.kept_at.millis(),
        })
    }

    /// An array of objects with one pair each, in their order, as Publish takes them.
    fn user_properties(&self) -> String {
        let pair =
            |(name, value): &(String, String)| Value::Object(Map::from_iter([(name.clone(), value.as_str().into())]));
        Value::Array(self.properties.user_properties.iter().map(pair).collect()).to_string()
    }
}
