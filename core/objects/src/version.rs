//! The versions of one key, and whether a bucket keeps them (S3 user guide: "Retaining multiple versions of objects").
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{BlobId, ObjectRecord, VersionId};

/// Whether a bucket keeps what a put replaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// It never did.
    #[default]
    Off,
    /// Each put makes a version.
    Enabled,
    /// A put replaces the version `null`; what there was before stays.
    Suspended,
}

/// A version.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// What it is.
    pub entry: Entry,
}

/// What a version is.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// An object.
    Object(Box<ObjectRecord>),
    /// Says since when there is none.
    DeleteMarker(Timestamp),
}

impl Version {
    /// The object, unless it is a delete marker.
    pub fn object(&self) -> Option<&ObjectRecord> {
        match &self.entry {
            Entry::Object(record) => Some(record),
            Entry::DeleteMarker(_) => None,
        }
    }

    /// When it was made.
    pub fn last_modified(&self) -> Timestamp {
        match &self.entry {
            Entry::Object(record) => record.last_modified,
            Entry::DeleteMarker(at) => *at,
        }
    }

    /// The files of its bodies.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.object().into_iter().flat_map(ObjectRecord::blobs)
    }
}

/// All versions of one key, at least one, the newest last.
#[derive(Clone, Debug, PartialEq)]
pub struct Versions(Vec<Version>);

impl Versions {
    pub(crate) fn new(first: Version) -> Self {
        // With room for one: nearly every key has no more.
        Self(vec![first])
    }

    /// The newest.
    pub fn newest(&self) -> &Version {
        self.0.last().expect("a key has at least one version")
    }

    /// The newest, if it is an object.
    pub fn object(&self) -> Option<&ObjectRecord> {
        self.newest().object()
    }

    /// A version by its id.
    pub fn get(&self, id: VersionId) -> Option<&Version> {
        self.0.iter().rev().find(|version| version.id == id)
    }

    pub(crate) fn get_mut(&mut self, id: VersionId) -> Option<&mut Version> {
        self.0.iter_mut().rev().find(|version| version.id == id)
    }

    /// All of them, the newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Version> {
        self.0.iter().rev()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "a key has at least one version")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the newest, in place of one with its id.
    pub(crate) fn put(&mut self, version: Version) {
        self.0.retain(|known| known.id != version.id);
        self.0.push(version);
    }

    /// Removes one; says whether any is left.
    pub(crate) fn remove(&mut self, id: VersionId) -> bool {
        self.0.retain(|known| known.id != id);
        !self.0.is_empty()
    }
}
