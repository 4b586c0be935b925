//! What is told of a call or of a key's use. Nothing a device or a caller sent as data is ever in it.
use std::borrow::Cow;
use std::collections::BTreeMap;

use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};

/// Characters of a name that a caller chose, at most. The longest a service knows, S3's keys, have 1,024 bytes.
const TEXT_CHARS_MAX: usize = 2048;

/// One entry, as JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record<'a> {
    /// A call that had a right signature.
    Call(Call<'a>),
    /// A KMS key was used by the server itself.
    KeyUse(KeyUse<'a>),
    /// The oldest entries went, for age or because their room was needed.
    Dropped(Dropped),
}

impl Record<'_> {
    /// As an entry holds it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record has text, numbers and nothing else")
    }
}

/// A call.
#[derive(Clone, Debug, Serialize)]
pub struct Call<'a> {
    /// When it was answered.
    #[serde(serialize_with = "iso")]
    pub time: Timestamp,
    /// What the answer and the log call it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub request_id: &'a str,
    /// Who signed; `admin.token` of the operator's commands.
    pub access_key_id: &'a str,
    /// From where.
    pub from: std::net::SocketAddr,
    /// Over TLS or not.
    pub tls: bool,
    /// Such as `s3`.
    pub service: &'static str,
    /// Such as `PutObject`.
    pub operation: &'a str,
    /// What it was about: a bucket and key, a key's ARN, a stream, a path.
    #[serde(skip_serializing_if = "str::is_empty", serialize_with = "bounded")]
    pub resource: &'a str,
    /// What KMS was told that a key is used for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<&'a serde_json::Value>,
    /// The answer's status.
    pub status: u16,
    /// The name of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

/// A use of a KMS key that no call of KMS's asked for: for an object, for a delivery stream's records.
#[derive(Clone, Debug, Serialize)]
pub struct KeyUse<'a> {
    /// When.
    #[serde(serialize_with = "iso")]
    pub time: Timestamp,
    /// What was done, as KMS calls it.
    pub operation: &'static str,
    /// The key's ARN, or what it was named by if there is none.
    #[serde(serialize_with = "bounded")]
    pub key: &'a str,
    /// The encryption context, which says for what.
    pub context: &'a BTreeMap<String, String>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

/// Entries that went.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Dropped {
    /// When.
    #[serde(serialize_with = "iso", skip_deserializing)]
    pub time: Timestamp,
    /// The last of them.
    pub up_to: u64,
}

fn iso<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let time = jiff::Timestamp::from_millisecond(time.millis()).unwrap_or_default();
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn bounded<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let cut: Cow<'_, str> = match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    };
    serializer.serialize_str(&cut)
}
