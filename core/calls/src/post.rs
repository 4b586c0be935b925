//! `http`: a request to somebody's endpoint, and how it is made (developer guide, "HTTP", "Batching HTTP action messages").
use sekisho_types::HttpUrl;
use serde::{Deserialize, Serialize};

/// It, beside its body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Where to.
    pub url: HttpUrl,
    /// Beside those that every request has.
    pub headers: Vec<(String, String)>,
    /// A secret is in the address: people are shown no more than its origin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_secret: bool,
    /// With others in one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batching: Option<Batching>,
    /// Signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
}

impl Post {
    /// Where to, for people.
    pub fn shown(&self) -> &str {
        if self.has_secret { self.url.origin() } else { self.url.as_str() }
    }
}

/// `batchConfig`: the first of these to be reached ends a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Batching {
    /// How long a message waits for others, in ms.
    #[serde(rename = "maxBatchOpenMs")]
    pub open_ms: u64,
    /// Messages.
    #[serde(rename = "maxBatchSize")]
    pub messages: usize,
    /// Bytes of the request.
    #[serde(rename = "maxBatchSizeBytes")]
    pub bytes: usize,
    /// Messages of other topics may be with it.
    #[serde(rename = "batchAcrossTopics")]
    pub across_topics: bool,
}

impl Default for Batching {
    fn default() -> Self {
        Self { open_ms: 20, messages: 10, bytes: 5120, across_topics: false }
    }
}

impl Batching {
    /// Within AWS's bounds (iot model: `BatchConfig`).
    ///
    /// # Errors
    /// The one that is not.
    pub fn check(&self) -> Result<(), String> {
        let bounds = [
            ("maxBatchOpenMs", self.open_ms, 5..=200),
            ("maxBatchSize", self.messages as u64, 2..=10),
            ("maxBatchSizeBytes", self.bytes as u64, 100..=131_072),
        ];
        match bounds.iter().find(|(_, value, bounds)| !bounds.contains(value)) {
            Some((name, _, bounds)) => Err(format!("{name} is {} to {}", bounds.start(), bounds.end())),
            None => Ok(()),
        }
    }
}

/// `auth.sigv4`. The role is named and not assumed: the credentials of the service's settings sign.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// As in the credential scope.
    pub signing_region: String,
    /// The same, and the settings that have an endpoint and credentials for it.
    pub service_name: String,
    /// Nobody assumes it.
    pub role_arn: String,
}
