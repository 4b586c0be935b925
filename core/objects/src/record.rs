//! What is kept of an object beside its body. It is sealed with the journal it is in.
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BlobId, Checksum, Encryption, Pairs};

/// A sealed body on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Its file.
    pub blob: BlobId,
    /// Bytes of plaintext.
    pub size: u64,
    /// The id its chunks are sealed for, where the file was made again under another key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_as: Option<BlobId>,
    /// The checksum of the part it came as, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Box<str>>,
}

impl Body {
    /// A body that came whole.
    pub const fn new(blob: BlobId, size: u64) -> Self {
        Self { blob, size, sealed_as: None, checksum: None }
    }

    /// The id its chunks are sealed for.
    pub fn seal(&self) -> BlobId {
        self.sealed_as.unwrap_or(self.blob)
    }
}

/// An object as the index knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// What it consists of, one behind the other: one body, or one a part of a multipart upload.
    pub bodies: Box<[Body]>,
    /// Bytes of plaintext, all bodies together.
    pub size: u64,
    /// Without quotes.
    pub etag: Box<str>,
    /// When it became visible.
    pub last_modified: Timestamp,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// Content-Type, Content-Encoding, Cache-Control and kin, by lower-case name.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub headers: Pairs,
    /// `x-amz-meta-*`, by lower-case name without the prefix.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub metadata: Pairs,
    /// The digest S3 keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// Tags.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub tags: Pairs,
}

impl ObjectRecord {
    /// The files of its bodies.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.bodies.iter().map(|body| body.blob)
    }

    /// How many parts it came in, if it did.
    pub fn parts(&self) -> Option<usize> {
        self.etag.contains('-').then_some(self.bodies.len())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of one byte.
    pub(crate) fn record(number: u8) -> ObjectRecord {
        ObjectRecord {
            bodies: [Body::new(BlobId::from_bytes([number; 16]), 1)].into(),
            size: 1,
            etag: format!("{number:032x}").into(),
            last_modified: Timestamp::from_seconds(2),
            encryption: Encryption::S3,
            headers: Pairs::default(),
            metadata: Pairs::default(),
            checksum: None,
            tags: Pairs::default(),
        }
    }
}
