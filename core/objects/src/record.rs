//! What is kept of an object beside its body. It is sealed with the journal it is in.
use std::collections::BTreeMap;
use std::fmt;

use sekisho_types::{Random, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Checksum, Encryption};

/// Names the file that holds a body. Random, so that no two bodies ever share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 16]);

impl BlobId {
    /// A fresh one.
    pub fn new(random: &mut dyn Random) -> Self {
        let mut id = [0; 16];
        random.fill(&mut id);
        Self(id)
    }

    /// From its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Parses 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut id = [0; 16];
        let digits = text.as_bytes();
        if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for BlobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not 32 hexadecimal digits"))
    }
}

/// A sealed body on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Its file.
    pub blob: BlobId,
    /// Bytes of plaintext.
    pub size: u64,
}

/// An object as the index knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// What it consists of, one behind the other: one body, or one a part of a multipart upload.
    pub bodies: Vec<Body>,
    /// Bytes of plaintext, all bodies together.
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    /// When it became visible.
    pub last_modified: Timestamp,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// Content-Type, Content-Encoding, Cache-Control and kin, by lower-case name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-*`, by lower-case name without the prefix.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The digest S3 keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
}

impl ObjectRecord {
    /// The files of its bodies.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.bodies.iter().map(|body| body.blob)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of one byte.
    pub(crate) fn record(number: u8) -> ObjectRecord {
        ObjectRecord {
            bodies: vec![Body { blob: BlobId::from_bytes([number; 16]), size: 1 }],
            size: 1,
            etag: format!("{number:032x}"),
            last_modified: Timestamp::from_seconds(2),
            encryption: Encryption::S3,
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            checksum: None,
        }
    }

    #[test]
    fn a_blob_id_prints_as_it_parses() {
        let id = BlobId::from_bytes([0xab; 16]);
        assert_eq!(BlobId::parse(&id.to_string()), Some(id));
        for text in ["", "ab", &"zz".repeat(16), &"ab".repeat(17), &"é".repeat(16)] {
            assert_eq!(BlobId::parse(text), None, "{text}");
        }
    }
}
