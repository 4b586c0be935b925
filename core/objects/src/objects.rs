//! Commands on objects and their versions.
use sekisho_types::{BucketName, ObjectKey, Random, Timestamp};

use crate::{
    BlobId, Bucket, Entry, Event, ObjectRecord, Objects, ObjectsError, Pairs, Precondition, Version, VersionId,
    Versioning, Versions,
};

/// An object that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found<'a> {
    /// What is kept of it.
    pub record: &'a ObjectRecord,
    /// Its id.
    pub version: VersionId,
    /// Whether answers tell the id: the bucket keeps versions, or did.
    pub versioned: bool,
}

/// A version that became visible.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVersion {
    /// To be journalled.
    pub events: Vec<Event>,
    /// Files that are nobody's then.
    pub replaced: Vec<BlobId>,
    /// Its id, if answers tell it.
    pub version: Option<VersionId>,
}

/// What is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Under which key.
    pub key: ObjectKey,
    /// This version for ever; without it, the key is to be empty from now on.
    pub version: Option<VersionId>,
    /// Only if it holds of the newest version.
    pub precondition: Option<Precondition>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Under which key.
    pub key: ObjectKey,
    /// The version that was asked for.
    pub version: Option<VersionId>,
    /// The delete marker that was made, or that was deleted.
    pub marker: Option<VersionId>,
}

/// What deleting several takes, and what becomes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Deletions {
    /// To be journalled.
    pub events: Vec<Event>,
    /// What becomes of each, in their order; one that is refused does not keep the others.
    pub outcomes: Vec<Result<Deleted, ObjectsError>>,
    /// Files that are nobody's then.
    pub removed: Vec<BlobId>,
}

impl Bucket {
    /// The newest version of a key, if it is an object.
    pub fn object(&self, key: &ObjectKey) -> Option<&ObjectRecord> {
        self.objects.get(key)?.object()
    }

    pub(crate) fn versioned(&self) -> bool {
        self.settings.versioning != Versioning::Off
    }

    fn version(&self, key: &ObjectKey, which: Option<VersionId>) -> Result<&Version, ObjectsError> {
        let versions = self.objects.get(key);
        match which {
            None => versions.map(Versions::newest).ok_or_else(|| ObjectsError::NoSuchKey(key.clone())),
            Some(id) => {
                let found = versions.and_then(|versions| versions.get(id));
                found.ok_or_else(|| ObjectsError::NoSuchVersion(key.clone(), id))
            }
        }
    }

    /// The id that a put made now gets.
    fn next_id(&self, random: &mut dyn Random) -> VersionId {
        match self.settings.versioning {
            Versioning::Enabled => VersionId::new(random),
            Versioning::Off | Versioning::Suspended => VersionId::NULL,
        }
    }

    /// The files of the version that one with this id takes the place of.
    fn replaced(&self, key: &ObjectKey, id: VersionId) -> impl Iterator<Item = BlobId> {
        let present = self.objects.get(key).and_then(|versions| versions.get(id));
        present.into_iter().flat_map(Version::blobs)
    }
}

impl Objects {
    /// An object: the newest version, or the one asked for.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::NoSuchKey`], [`ObjectsError::NoSuchVersion`],
    /// [`ObjectsError::Deleted`], [`ObjectsError::IsDeleteMarker`].
    pub fn object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        which: Option<VersionId>,
    ) -> Result<Found<'_>, ObjectsError> {
        let bucket = self.bucket(bucket)?;
        let version = bucket.version(key, which)?;
        match (&version.entry, which) {
            (Entry::Object(record), _) => Ok(Found { record, version: version.id, versioned: bucket.versioned() }),
            (Entry::DeleteMarker(_), None) => Err(ObjectsError::Deleted(key.clone(), version.id)),
            (Entry::DeleteMarker(_), Some(id)) => Err(ObjectsError::IsDeleteMarker(id)),
        }
    }

    /// The body is on the disk: the object may be seen.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::PreconditionFailed`]; [`ObjectsError::NoSuchKey`] if it is to replace an
    /// object and there is none.
    pub fn put_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        record: ObjectRecord,
        precondition: Option<&Precondition>,
        random: &mut dyn Random,
    ) -> Result<NewVersion, ObjectsError> {
        let known = self.bucket(bucket)?;
        match (precondition, known.object(key)) {
            (None, _) => {}
            // S3 user guide, "Conditional requests": 404 where a write has nothing to match.
            (Some(Precondition::Matches(_)), None) => return Err(ObjectsError::NoSuchKey(key.clone())),
            (Some(precondition), present) => precondition.check(present)?,
        }
        let id = known.next_id(random);
        Ok(NewVersion {
            replaced: known.replaced(key, id).collect(),
            version: known.versioned().then_some(id),
            events: vec![Event::ObjectPut { bucket: bucket.clone(), key: key.clone(), version: id, record }],
        })
    }

    /// DeleteObject, DeleteObjects; deleting what is not there is no error.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`]. Of each: [`ObjectsError::PreconditionFailed`].
    pub fn delete_objects(
        &self,
        now: Timestamp,
        bucket: &BucketName,
        deletions: &[Deletion],
        random: &mut dyn Random,
    ) -> Result<Deletions, ObjectsError> {
        let known = self.bucket(bucket)?;
        let (mut events, mut outcomes, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for Deletion { key, version, precondition } in deletions {
            if let Some(Err(refusal)) = precondition.as_ref().map(|precondition| precondition.check(known.object(key)))
            {
                outcomes.push(Err(refusal));
                continue;
            }
            let mut outcome = Deleted { key: key.clone(), version: *version, marker: None };
            let id = version.unwrap_or(VersionId::NULL);
            if version.is_some() || !known.versioned() {
                let present = known.objects.get(key).and_then(|versions| versions.get(id));
                if let Some(present) = present {
                    outcome.marker = present.object().is_none().then_some(id);
                    removed.extend(present.blobs());
                    events.push(Event::ObjectDeleted { bucket: bucket.clone(), key: key.clone(), version: id });
                }
            } else {
                let id = known.next_id(random);
                outcome.marker = Some(id);
                removed.extend(known.replaced(key, id));
                let (bucket, key) = (bucket.clone(), key.clone());
                events.push(Event::DeleteMarkerPut { bucket, key, version: id, at: now });
            }
            outcomes.push(Ok(outcome));
        }
        // A key listed twice is deleted once.
        removed.sort_unstable();
        removed.dedup();
        Ok(Deletions { events, outcomes, removed })
    }

    /// PutObjectTagging, DeleteObjectTagging. Answers the version's id if answers tell it.
    ///
    /// # Errors
    /// As [`Objects::object`].
    pub fn tag_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        which: Option<VersionId>,
        tags: Pairs,
    ) -> Result<(Vec<Event>, Option<VersionId>), ObjectsError> {
        let found = self.object(bucket, key, which)?;
        let (bucket, key, version) = (bucket.clone(), key.clone(), found.version);
        let told = found.versioned.then_some(version);
        let same = found.record.tags == tags;
        Ok((if same { Vec::new() } else { vec![Event::ObjectTagged { bucket, key, version, tags }] }, told))
    }
}
