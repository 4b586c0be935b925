//! The fold: buckets and the index of their objects.
use std::collections::{BTreeMap, BTreeSet, HashSet};

use sekisho_types::{BucketName, ObjectKey, Tenant, Timestamp};

use crate::{BlobId, BucketEncryption, Event, ObjectRecord, ObjectsError, Precondition};

/// A bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// When it was made.
    pub created_at: Timestamp,
    /// What its objects get unless a put says otherwise.
    pub encryption: BucketEncryption,
    /// In the order of their keys' bytes.
    pub objects: BTreeMap<ObjectKey, ObjectRecord>,
}

/// Every bucket of the account.
#[derive(Clone, Debug, PartialEq)]
pub struct Objects {
    tenant: Tenant,
    buckets: BTreeMap<BucketName, Bucket>,
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
                let made =
                    Bucket { created_at: *at, encryption: BucketEncryption::default(), objects: BTreeMap::new() };
                self.buckets.entry(bucket.clone()).or_insert(made);
            }
            Event::BucketDeleted { bucket } => {
                self.buckets.remove(bucket);
            }
            Event::BucketEncryptionSet { bucket, encryption } => {
                if let Some(known) = self.buckets.get_mut(bucket) {
                    known.encryption = encryption.clone();
                }
            }
            Event::ObjectPut { bucket, key, record } => {
                if let Some(known) = self.buckets.get_mut(bucket) {
                    known.objects.insert(key.clone(), record.clone());
                }
            }
            Event::ObjectDeleted { bucket, key } => {
                if let Some(known) = self.buckets.get_mut(bucket) {
                    known.objects.remove(key);
                }
            }
        }
    }

    /// The shortest list of events that folds to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, bucket) in &self.buckets {
            events.push(Event::BucketCreated { bucket: name.clone(), at: bucket.created_at });
            if bucket.encryption != BucketEncryption::default() {
                events.push(Event::BucketEncryptionSet { bucket: name.clone(), encryption: bucket.encryption.clone() });
            }
            let objects = bucket.objects.iter();
            events.extend(objects.map(|(key, record)| Event::ObjectPut {
                bucket: name.clone(),
                key: key.clone(),
                record: record.clone(),
            }));
        }
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

    /// An object.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::NoSuchKey`].
    pub fn object(&self, bucket: &BucketName, key: &ObjectKey) -> Result<&ObjectRecord, ObjectsError> {
        self.bucket(bucket)?.objects.get(key).ok_or_else(|| ObjectsError::NoSuchKey(key.clone()))
    }

    /// Every body that is somebody's; what else lies on the disk is not.
    pub fn blobs(&self) -> HashSet<BlobId> {
        self.buckets.values().flat_map(|bucket| bucket.objects.values()).flat_map(ObjectRecord::blobs).collect()
    }

    /// CreateBucket.
    ///
    /// # Errors
    /// [`ObjectsError::BucketAlreadyOwnedByYou`].
    pub fn create_bucket(&self, now: Timestamp, bucket: &BucketName) -> Result<Vec<Event>, ObjectsError> {
        match self.buckets.contains_key(bucket) {
            true => Err(ObjectsError::BucketAlreadyOwnedByYou(bucket.clone())),
            false => Ok(vec![Event::BucketCreated { bucket: bucket.clone(), at: now }]),
        }
    }

    /// DeleteBucket.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::BucketNotEmpty`].
    pub fn delete_bucket(&self, bucket: &BucketName) -> Result<Vec<Event>, ObjectsError> {
        match self.bucket(bucket)?.objects.is_empty() {
            false => Err(ObjectsError::BucketNotEmpty(bucket.clone())),
            true => Ok(vec![Event::BucketDeleted { bucket: bucket.clone() }]),
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

    /// The body is on the disk: the object may be seen. Answers the bodies it replaces.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::PreconditionFailed`].
    pub fn put_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        record: ObjectRecord,
        precondition: Option<&Precondition>,
    ) -> Result<(Vec<Event>, Vec<BlobId>), ObjectsError> {
        let present = self.bucket(bucket)?.objects.get(key);
        precondition.map_or(Ok(()), |precondition| precondition.check(present))?;
        let replaced = present.into_iter().flat_map(ObjectRecord::blobs).collect();
        Ok((vec![Event::ObjectPut { bucket: bucket.clone(), key: key.clone(), record }], replaced))
    }

    /// DeleteObject, DeleteObjects; deleting what is not there is no error. Answers the bodies that are nobody's now.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`].
    pub fn delete_objects(
        &self,
        bucket: &BucketName,
        keys: &BTreeSet<ObjectKey>,
    ) -> Result<(Vec<Event>, Vec<BlobId>), ObjectsError> {
        let objects = &self.bucket(bucket)?.objects;
        let present = keys.iter().filter_map(|key| Some((key, objects.get(key)?)));
        let (mut events, mut removed) = (Vec::new(), Vec::new());
        for (key, record) in present {
            events.push(Event::ObjectDeleted { bucket: bucket.clone(), key: key.clone() });
            removed.extend(record.blobs());
        }
        Ok((events, removed))
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::{AccountId, Region};

    use super::*;
    use crate::record::tests::record;
    use crate::{Listed, ListingRequest, SseAlgorithm};

    fn objects(keys: &[&str]) -> Objects {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
        let mut objects = Objects::new(tenant);
        let events = objects.create_bucket(Timestamp::from_seconds(1), &lake()).unwrap();
        events.iter().for_each(|event| objects.apply(event));
        for (number, key) in keys.iter().enumerate() {
            let record = record(number as u8);
            let (events, _) = objects.put_object(&lake(), &ObjectKey::parse(key).unwrap(), record, None).unwrap();
            events.iter().for_each(|event| objects.apply(event));
        }
        objects
    }

    fn lake() -> BucketName {
        BucketName::parse("lake").unwrap()
    }

    fn page(
        objects: &Objects,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<String>,
        max_keys: usize,
    ) -> (Vec<String>, Option<String>) {
        let request =
            ListingRequest { prefix: prefix.into(), delimiter: delimiter.map(str::to_owned), after, max_keys };
        let listing = objects.bucket(&lake()).unwrap().list(&request);
        let names = listing.entries.iter().map(|entry| match entry {
            Listed::Object(key, _) => (*key).to_owned(),
            Listed::CommonPrefix(prefix) => format!("[{prefix}]"),
        });
        (names.collect(), listing.next_after)
    }

    #[test]
    fn listings() {
        let objects = objects(&["a", "a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c", "ß"]);
        #[rustfmt::skip] // source                                prefix  delimiter   keys
        let table: &[(&str, &str, Option<&str>, &[&str])] = &[
            ("ListObjectsV2: all, in the order of UTF-8",         "",     None,       &["a", "a/1", "a/2", "b/x/1", "b/x/2", "b/y", "c", "ß"]),
            ("ListObjectsV2: prefix",                             "b/",   None,       &["b/x/1", "b/x/2", "b/y"]),
            ("ListObjectsV2: delimiter",                          "",     Some("/"),  &["a", "[a/]", "[b/]", "c", "ß"]),
            ("ListObjectsV2: delimiter below a prefix",           "b/",   Some("/"),  &["[b/x/]", "b/y"]),
            ("ListObjectsV2: a prefix that is no directory",      "a",    Some("/"),  &["a", "[a/]"]),
            ("ListObjectsV2: nothing there",                      "zz",   None,       &[]),
        ];
        for (source, prefix, delimiter, keys) in table {
            assert_eq!(page(&objects, prefix, *delimiter, None, 1000).0, *keys, "{source}");
            for size in 1..4 {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let (keys, next) = page(&objects, prefix, *delimiter, after, size);
                    assert!(keys.len() <= size);
                    all.extend(keys);
                    after = next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(all, *keys, "{source}, {size} a page");
            }
        }
        assert_eq!(page(&objects, "", None, None, 0), (vec![], None));
    }

    #[test]
    fn a_snapshot_folds_to_the_same() {
        let mut objects = objects(&["x", "y"]);
        let encryption =
            BucketEncryption { algorithm: SseAlgorithm::AwsKms, kms_key: Some("k".into()), bucket_key_enabled: true };
        objects.set_bucket_encryption(&lake(), encryption).unwrap().iter().for_each(|event| objects.apply(event));
        let mut again = Objects::new(objects.tenant().clone());
        for event in objects.snapshot() {
            let text = serde_json::to_string(&event).unwrap();
            again.apply(&serde_json::from_str(&text).unwrap());
        }
        assert_eq!(again, objects);
    }

    #[test]
    fn buckets_are_refused_as_s3_does() {
        let objects = objects(&["x"]);
        assert_eq!(
            objects.create_bucket(Timestamp::default(), &lake()),
            Err(ObjectsError::BucketAlreadyOwnedByYou(lake()))
        );
        assert_eq!(objects.delete_bucket(&lake()), Err(ObjectsError::BucketNotEmpty(lake())));
        let absent = BucketName::parse("absent").unwrap();
        assert_eq!(objects.delete_bucket(&absent), Err(ObjectsError::NoSuchBucket(absent.clone())));
        let keys = ["x", "zz"].map(|key| ObjectKey::parse(key).unwrap()).into();
        let (events, gone) = objects.delete_objects(&lake(), &keys).unwrap();
        assert_eq!((events.len(), gone), (1, vec![BlobId::from_bytes([0; 16])]));
    }
}
