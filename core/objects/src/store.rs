//! The fold: buckets and the index of their objects.
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use sekisho_types::{BucketName, ObjectKey, Tenant, Timestamp};

use crate::{
    BlobId, BucketEncryption, BucketSettings, Entry, Event, MultipartUpload, ObjectsError, Setting, UploadId, Version,
    VersionId, Versions,
};

/// A bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// When it was made.
    pub created_at: Timestamp,
    /// What its objects get unless a put says otherwise.
    pub encryption: BucketEncryption,
    /// What else it was told.
    pub settings: BucketSettings,
    /// In the order of their keys' bytes.
    pub objects: BTreeMap<ObjectKey, Versions>,
    /// Uploads in parts that are under way.
    pub uploads: BTreeMap<(ObjectKey, UploadId), MultipartUpload>,
}

/// Every bucket of the account.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    tenant: Tenant,
    buckets: BTreeMap<BucketName, Bucket>,
}

impl Bucket {
    fn new(created_at: Timestamp) -> Self {
        Self {
            created_at,
            encryption: BucketEncryption::default(),
            settings: BucketSettings::new(),
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }

    fn put(&mut self, key: &ObjectKey, version: Version) {
        match self.objects.get_mut(key) {
            Some(versions) => versions.put(version),
            None => {
                self.objects.insert(key.clone(), Versions::new(version));
            }
        }
    }

    /// The `count` keys behind `after`; and the last of them, if there are more.
    pub(crate) fn keys_after(
        &self,
        after: Option<&ObjectKey>,
        count: usize,
    ) -> (Vec<(&ObjectKey, &Versions)>, Option<ObjectKey>) {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.objects.range::<ObjectKey, _>((begin, Bound::Unbounded));
        let page: Vec<_> = behind.by_ref().take(count).collect();
        let next = behind.next().and_then(|_more| page.last().map(|(key, _)| (*key).clone()));
        (page, next)
    }

    /// Every file that is this bucket's.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = BlobId> {
        let objects = self.objects.values().flat_map(Versions::iter).flat_map(Version::blobs);
        objects.chain(self.uploads.values().flat_map(MultipartUpload::blobs))
    }

    fn apply(&mut self, event: &Event) {
        match event.clone() {
            Event::BucketCreated { .. } | Event::BucketDeleted { .. } => {}
            Event::BucketEncryptionSet { encryption, .. } => self.encryption = encryption,
            Event::BucketSettingSet { setting, .. } => self.settings.set(&setting),
            Event::ObjectPut { key, version, record, .. } => {
                self.put(&key, Version { id: version, entry: Entry::Object(Box::new(record)) });
            }
            Event::DeleteMarkerPut { key, version, at, .. } => {
                self.put(&key, Version { id: version, entry: Entry::DeleteMarker(at) });
            }
            Event::ObjectDeleted { key, version, .. } => {
                if self.objects.get_mut(&key).is_some_and(|versions| !versions.remove(version)) {
                    self.objects.remove(&key);
                }
            }
            Event::ObjectTagged { key, version, tags, .. } => {
                if let Some(record) = self.record_mut(&key, version) {
                    record.tags = tags;
                }
            }
            Event::ObjectResealed { key, version, encryption, bodies, .. } => {
                if let Some(record) = self.record_mut(&key, version) {
                    (record.encryption, record.bodies) = (encryption, bodies);
                }
            }
            Event::UploadBegun { key, id, upload, .. } => {
                self.uploads.insert((key, id), *upload);
            }
            Event::PartPut { key, id, number, part, .. } => {
                if let Some(upload) = self.uploads.get_mut(&(key, id)) {
                    upload.parts.insert(number, part);
                }
            }
            Event::UploadEnded { key, id, .. } => {
                self.uploads.remove(&(key, id));
            }
        }
    }

    fn record_mut(&mut self, key: &ObjectKey, version: VersionId) -> Option<&mut crate::ObjectRecord> {
        match &mut self.objects.get_mut(key)?.get_mut(version)?.entry {
            Entry::Object(record) => Some(record),
            Entry::DeleteMarker(_) => None,
        }
    }

    /// The shortest list of events that folds to this.
    fn snapshot(&self, name: &BucketName, events: &mut Vec<Event>) {
        let bucket = || name.clone();
        events.push(Event::BucketCreated { bucket: bucket(), at: self.created_at });
        if self.encryption != BucketEncryption::default() {
            events.push(Event::BucketEncryptionSet { bucket: bucket(), encryption: self.encryption.clone() });
        }
        let fresh = BucketSettings::new().all();
        let changed = self.settings.all().into_iter().filter(|setting| !fresh.contains(setting));
        events.extend(changed.map(|setting| Event::BucketSettingSet { bucket: bucket(), setting }));
        for (key, versions) in &self.objects {
            let oldest_first = versions.iter().collect::<Vec<_>>().into_iter().rev();
            events.extend(oldest_first.map(|version| match &version.entry {
                Entry::Object(record) => Event::ObjectPut {
                    bucket: bucket(),
                    key: key.clone(),
                    version: version.id,
                    record: (**record).clone(),
                },
                Entry::DeleteMarker(at) => {
                    Event::DeleteMarkerPut { bucket: bucket(), key: key.clone(), version: version.id, at: *at }
                }
            }));
        }
        events.extend(self.uploads.iter().map(|((key, id), upload)| Event::UploadBegun {
            bucket: bucket(),
            key: key.clone(),
            id: *id,
            upload: Box::new(upload.clone()),
        }));
    }
}

impl Objects {
    /// None yet.
    pub fn new(tenant: Tenant) -> Self {
        Self { tenant, buckets: BTreeMap::new() }
    }

    /// Whose they are.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::BucketCreated { bucket, at } => {
                self.buckets.entry(bucket.clone()).or_insert_with(|| Bucket::new(*at));
            }
            Event::BucketDeleted { bucket } => {
                self.buckets.remove(bucket);
            }
            Event::BucketEncryptionSet { bucket, .. }
            | Event::BucketSettingSet { bucket, .. }
            | Event::ObjectPut { bucket, .. }
            | Event::DeleteMarkerPut { bucket, .. }
            | Event::ObjectDeleted { bucket, .. }
            | Event::ObjectTagged { bucket, .. }
            | Event::ObjectResealed { bucket, .. }
            | Event::UploadBegun { bucket, .. }
            | Event::PartPut { bucket, .. }
            | Event::UploadEnded { bucket, .. } => {
                if let Some(known) = self.buckets.get_mut(bucket) {
                    known.apply(event);
                }
            }
        }
    }

    /// The shortest list of events that folds to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.buckets.iter().for_each(|(name, bucket)| bucket.snapshot(name, &mut events));
        events
    }

    /// Every bucket with its name, ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (&BucketName, &Bucket)> {
        self.buckets.iter()
    }

    /// A bucket.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`].
    pub fn bucket(&self, bucket: &BucketName) -> Result<&Bucket, ObjectsError> {
        self.buckets.get(bucket).ok_or_else(|| ObjectsError::NoSuchBucket(bucket.clone()))
    }

    /// Every body that is somebody's; what else lies on the disk is not.
    pub fn blobs(&self) -> HashSet<BlobId> {
        self.buckets.values().flat_map(Bucket::blobs).collect()
    }

    /// CreateBucket.
    ///
    /// # Errors
    /// [`ObjectsError::BucketAlreadyOwnedByYou`], [`ObjectsError::ReservedBucketName`].
    pub fn create_bucket(
        &self,
        now: Timestamp,
        bucket: &BucketName,
        tags: Option<BTreeMap<String, String>>,
    ) -> Result<Vec<Event>, ObjectsError> {
        if self.buckets.contains_key(bucket) {
            return Err(ObjectsError::BucketAlreadyOwnedByYou(bucket.clone()));
        }
        if reserved(bucket.as_str()) {
            return Err(ObjectsError::ReservedBucketName(bucket.clone()));
        }
        let tagged = |tags| Event::BucketSettingSet { bucket: bucket.clone(), setting: Setting::Tags(Some(tags)) };
        let tagged = tags.map(tagged);
        Ok([Event::BucketCreated { bucket: bucket.clone(), at: now }].into_iter().chain(tagged).collect())
    }

    /// DeleteBucket. Uploads under way end with it; answers the bodies that are nobody's then.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::BucketNotEmpty`].
    pub fn delete_bucket(&self, bucket: &BucketName) -> Result<(Vec<Event>, Vec<BlobId>), ObjectsError> {
        let known = self.bucket(bucket)?;
        match known.objects.is_empty() {
            false => Err(ObjectsError::BucketNotEmpty(bucket.clone())),
            true => Ok((vec![Event::BucketDeleted { bucket: bucket.clone() }], known.blobs().collect())),
        }
    }

    /// PutBucketEncryption; `BucketEncryption::default()` is what DeleteBucketEncryption leaves.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::InvalidArgument`].
    pub fn set_bucket_encryption(
        &self,
        bucket: &BucketName,
        encryption: BucketEncryption,
    ) -> Result<Vec<Event>, ObjectsError> {
        let known = self.bucket(bucket)?;
        encryption.check()?;
        let same = known.encryption == encryption;
        let event = Event::BucketEncryptionSet { bucket: bucket.clone(), encryption };
        Ok(if same { Vec::new() } else { vec![event] })
    }

    /// Sets one of a bucket's other settings.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`].
    pub fn set(&self, bucket: &BucketName, setting: Setting) -> Result<Vec<Event>, ObjectsError> {
        let same = self.bucket(bucket)?.settings.all().contains(&setting);
        let event = Event::BucketSettingSet { bucket: bucket.clone(), setting };
        Ok(if same { Vec::new() } else { vec![event] })
    }
}

/// Names that S3 keeps for itself, or that are none in a host's name (S3 user guide: "General purpose bucket naming rules").
fn reserved(name: &str) -> bool {
    const BEGINNINGS: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const ENDS: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
    BEGINNINGS.iter().any(|begin| name.starts_with(begin))
        || ENDS.iter().any(|end| name.ends_with(end))
        || name.split('.').any(|label| label.starts_with('-') || label.ends_with('-'))
}

#[cfg(test)]
mod tests;
