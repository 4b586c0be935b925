//! What a rule wants produced.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A record's place and all of it but its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Produce {
    /// The VPC's topic rule destination.
    pub destination_arn: String,
    /// Of Kafka's.
    pub topic: String,
    /// Where the rule says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// The record's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// As the rule has them: secrets are asked for when the record is sent, and not kept.
    pub client_properties: BTreeMap<String, String>,
}

impl Produce {
    /// Some of the brokers it is for, as the rule has them.
    pub fn cluster(&self) -> &str {
        self.client_properties.get("bootstrap.servers").map_or("", String::as_str)
    }

    /// What it weighs in memory, about.
    pub fn bytes(&self) -> usize {
        let weight = |(name, value): (&String, &String)| size_of::<(String, String)>() + name.len() + value.len();
        let headers = self.headers.iter().map(|(name, value)| weight((name, value))).sum::<usize>();
        let properties = self.client_properties.iter().map(weight).sum::<usize>();
        let key = self.key.as_ref().map_or(0, String::len);
        size_of::<Self>() + headers + properties + key + self.destination_arn.len() + self.topic.len()
    }
}
