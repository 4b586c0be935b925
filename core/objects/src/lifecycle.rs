//! Lifecycle rules: what has expired by now (S3 user guide: "Managing the lifecycle of objects").
use sekisho_types::{BucketName, ObjectKey, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Bucket, Deletion, Deletions, ObjectRecord, Objects, ObjectsError, Pairs, UploadId, VersionId};

const DAY_S: i64 = 24 * 3600;

/// The rules of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle(pub Vec<LifecycleRule>);

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// `ID`
    pub id: String,
    /// `Status`
    pub enabled: bool,
    /// Which objects.
    pub filter: LifecycleFilter,
    /// `Expiration`
    pub expiration: Option<Expiration>,
    /// `NoncurrentVersionExpiration`
    pub noncurrent: Option<NoncurrentExpiration>,
    /// `AbortIncompleteMultipartUpload`: `DaysAfterInitiation`
    pub abort_uploads_days: Option<u32>,
}

/// `Filter`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleFilter {
    /// The rule has `Prefix` where older documents have it, and no `Filter`.
    #[serde(default)]
    pub outside: bool,
    /// `Prefix`
    pub prefix: Option<String>,
    /// `Tag`
    #[serde(default)]
    pub tags: Pairs,
    /// `ObjectSizeGreaterThan`
    pub size_greater_than: Option<u64>,
    /// `ObjectSizeLessThan`
    pub size_less_than: Option<u64>,
}

/// `Expiration`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// `Days`
    Days(u32),
    /// `Date`
    Date(Timestamp),
    /// `ExpiredObjectDeleteMarker`
    LoneDeleteMarkers,
}

/// `NoncurrentVersionExpiration`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentExpiration {
    /// `NoncurrentDays`
    pub days: u32,
    /// `NewerNoncurrentVersions`: so many stay all the same.
    pub keep: Option<u32>,
}

/// Something to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The newest version of a key: as DeleteObject does.
    Current(ObjectKey),
    /// One version for ever.
    Version(ObjectKey, VersionId),
    /// An upload nobody completed.
    Upload(ObjectKey, UploadId),
}

impl LifecycleFilter {
    fn fits(&self, key: &ObjectKey, record: Option<&ObjectRecord>) -> bool {
        let of_record = |record: &ObjectRecord| {
            self.tags.iter().all(|(name, value)| record.tags.get(name) == Some(value))
                && self.size_greater_than.is_none_or(|size| record.size > size)
                && self.size_less_than.is_none_or(|size| record.size < size)
        };
        // A delete marker and an upload have no tags and no size: a rule that asks for them does not mean these.
        let prefix_only = self.tags.is_empty() && self.size_greater_than.is_none() && self.size_less_than.is_none();
        self.prefix.as_ref().is_none_or(|prefix| key.as_str().starts_with(prefix.as_str()))
            && record.map_or(prefix_only, of_record)
    }
}

/// The midnight (UTC) after `days` days from `at`: S3 rounds expiry up to it.
fn due(at: Timestamp, days: u32) -> Timestamp {
    let after = at.seconds() + i64::from(days) * DAY_S;
    Timestamp::from_seconds((after + DAY_S - 1).div_euclid(DAY_S) * DAY_S)
}

impl Bucket {
    /// What has expired by `now`, of the `keys` keys behind `after`; and the last of them, if there are more. Uploads come with the
    /// last keys.
    pub fn expired(&self, now: Timestamp, after: Option<&ObjectKey>, keys: usize) -> (Vec<Expired>, Option<ObjectKey>) {
        let rules = self.settings.lifecycle.iter().flat_map(|lifecycle| &lifecycle.0).filter(|rule| rule.enabled);
        let rules: Vec<&LifecycleRule> = rules.collect();
        let mut expired = Vec::new();
        if rules.is_empty() {
            return (expired, None);
        }
        let (page, next) = self.keys_after(after, keys);
        for (key, versions) in page {
            let newest = versions.newest();
            let current = |rule: &&LifecycleRule| {
                let object = newest.object();
                rule.filter.fits(key, object)
                    && match (rule.expiration, object) {
                        (Some(Expiration::Days(days)), Some(record)) => due(record.last_modified, days) <= now,
                        (Some(Expiration::Date(date)), Some(_)) => date <= now,
                        (Some(Expiration::LoneDeleteMarkers), None) => versions.len() == 1,
                        (Some(Expiration::Days(days)), None) => {
                            versions.len() == 1 && due(newest.last_modified(), days) <= now
                        }
                        (_, _) => false,
                    }
            };
            if rules.iter().any(current) {
                expired.push(match newest.object() {
                    None => Expired::Version(key.clone(), newest.id),
                    Some(_) => Expired::Current(key.clone()),
                });
            }
            // A version is noncurrent since the next newer one was made.
            let mut since = newest.last_modified();
            for (newer, version) in versions.iter().skip(1).enumerate() {
                let gone = |rule: &&LifecycleRule| {
                    rule.filter.fits(key, version.object())
                        && rule.noncurrent.is_some_and(|noncurrent| {
                            due(since, noncurrent.days) <= now
                                && noncurrent.keep.is_none_or(|keep| newer >= keep as usize)
                        })
                };
                if rules.iter().any(gone) {
                    expired.push(Expired::Version(key.clone(), version.id));
                }
                since = version.last_modified();
            }
        }
        if next.is_some() {
            return (expired, next);
        }
        for ((key, id), upload) in &self.uploads {
            let stale = |rule: &&LifecycleRule| {
                rule.filter.fits(key, None)
                    && rule.abort_uploads_days.is_some_and(|days| due(upload.initiated, days) <= now)
            };
            if rules.iter().any(stale) {
                expired.push(Expired::Upload(key.clone(), *id));
            }
        }
        (expired, None)
    }
}

impl Bucket {
    /// When a rule removes the newest version of a key, and which rule does: `x-amz-expiration`. `None` for another version than that.
    pub fn expiry(&self, key: &ObjectKey, version: Option<VersionId>) -> Option<(Timestamp, &str)> {
        let rules = &self.settings.lifecycle.as_ref()?.0;
        let newest = self.objects.get(key)?.newest();
        let record = newest.object().filter(|_| version.is_none_or(|version| version == newest.id))?;
        let fitting = rules.iter().filter(|rule| rule.enabled && rule.filter.fits(key, Some(record)));
        let removed = fitting.filter_map(|rule| match rule.expiration? {
            Expiration::Days(days) => Some((due(record.last_modified, days), rule.id.as_str())),
            Expiration::Date(date) => Some((date, rule.id.as_str())),
            Expiration::LoneDeleteMarkers => None,
        });
        removed.min()
    }
}

impl Objects {
    /// Removes what has expired by `now`, of the `keys` keys behind `after`, as DeleteObject and AbortMultipartUpload do it; answers
    /// where to go on, if there are more keys.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`].
    pub fn expire(
        &self,
        now: Timestamp,
        bucket: &BucketName,
        after: Option<&ObjectKey>,
        keys: usize,
        random: &mut dyn Random,
    ) -> Result<(Deletions, Option<ObjectKey>), ObjectsError> {
        let (expired, next) = self.bucket(bucket)?.expired(now, after, keys);
        let (mut deletions, mut aborted) = (Vec::new(), (Vec::new(), Vec::new()));
        for entry in expired {
            match entry {
                Expired::Current(key) => deletions.push(Deletion { key, version: None, precondition: None }),
                Expired::Version(key, id) => deletions.push(Deletion { key, version: Some(id), precondition: None }),
                Expired::Upload(key, id) => {
                    let (events, removed) = self.abort_upload(bucket, &key, id)?;
                    aborted.0.extend(events);
                    aborted.1.extend(removed);
                }
            }
        }
        let mut expiry = self.delete_objects(now, bucket, &deletions, random)?;
        expiry.events.extend(aborted.0);
        expiry.removed.extend(aborted.1);
        Ok((expiry, next))
    }
}
