//! Objects that come in parts. A part is a sealed body under a data key of its own; listing the parts makes the object.
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};
use sekisho_types::{BucketName, ObjectKey, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::list::behind;
use crate::{
    BlobId, Body, Bucket, Checksum, ChecksumAlgorithm, CustomerKey, Digests, Encryption, Event, NewVersion,
    ObjectRecord, Objects, ObjectsError, Pairs, Precondition, UploadId,
};

/// Uploads open at once in one bucket, since each holds memory. One more is refused; the caller completes or aborts others
/// first.
pub const MULTIPART_UPLOADS_MAX: usize = 1000;
/// Bytes of a part that is not the last (S3 user guide: "Amazon S3 multipart upload limits").
pub const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;

/// An upload under way: what the object is to be, and what has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultipartUpload {
    /// Content-Type and kin, by lower-case name.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub headers: Pairs,
    /// `x-amz-meta-*`, by lower-case name without the prefix.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub metadata: Pairs,
    /// Tags.
    #[serde(default, skip_serializing_if = "Pairs::is_empty")]
    pub tags: Pairs,
    /// The mode, decided when the upload began.
    pub encryption: Encryption,
    /// The checksum to keep of the object; the parts have one of the same algorithm.
    pub checksum: ChecksumAlgorithm,
    /// Whether that is a checksum of the parts' checksums. Only a CRC can be anything else.
    pub composite: bool,
    /// When it began.
    pub initiated: Timestamp,
    /// What has come so far, by number.
    #[serde(default)]
    pub parts: BTreeMap<u16, Part>,
}

/// A part that has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its file.
    pub body: Body,
    /// Without quotes.
    pub etag: Box<str>,
    /// Its own.
    pub checksum: Checksum,
    /// When it came.
    pub last_modified: Timestamp,
}

/// A part as the caller lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// 1 to 10,000.
    pub number: u16,
    /// Without quotes.
    pub etag: String,
    /// Its checksum of the upload's algorithm, if the caller says it.
    pub checksum: Option<String>,
}

/// What CompleteMultipartUpload says of the object that is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The parts it consists of.
    pub parts: Vec<CompletedPart>,
    /// Its checksum.
    pub checksum: Option<String>,
    /// `x-amz-checksum-type`: whether that is one of the parts' checksums.
    pub composite: Option<bool>,
    /// `x-amz-mp-object-size`: its bytes.
    pub size: Option<u64>,
    /// What it requires of the object it replaces.
    pub precondition: Option<Precondition>,
}

/// Which uploads to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadsRequest {
    /// Keys that begin with it.
    pub prefix: String,
    /// Keys with this behind the prefix are rolled up.
    pub delimiter: Option<String>,
    /// Uploads behind this key and, if it is given, this upload of it.
    pub after: Option<(String, Option<UploadId>)>,
    /// At most so many entries.
    pub max: usize,
}

/// A page of uploads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UploadsPage<'a> {
    /// In the order of their keys.
    pub uploads: Vec<(&'a ObjectKey, UploadId, &'a MultipartUpload)>,
    /// What keys were rolled up to.
    pub prefixes: Vec<String>,
    /// Where the next page goes on, if there is one.
    pub next: Option<(String, Option<UploadId>)>,
}

impl MultipartUpload {
    /// The files of its parts.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.parts.values().map(|part| part.body.blob)
    }

    /// Whether a part may come with a checksum of this algorithm: the one the upload began with, if that was said. What nobody said
    /// is CRC64NVME, and its parts may have any.
    ///
    /// # Errors
    /// [`ObjectsError::PartChecksum`].
    pub fn check_part_checksum(&self, part: Option<ChecksumAlgorithm>) -> Result<(), ObjectsError> {
        let upload = self.checksum;
        match part.filter(|part| *part != upload && upload != ChecksumAlgorithm::CRC64NVME) {
            None => Ok(()),
            Some(part) => Err(ObjectsError::PartChecksum { upload, part }),
        }
    }

    /// Whether a part may come with this key of the customer's, or without one.
    ///
    /// # Errors
    /// [`ObjectsError::PartKeyMissing`], [`ObjectsError::PartKeyWrong`].
    pub fn check_customer_key(&self, customer: Option<&CustomerKey>) -> Result<(), ObjectsError> {
        self.encryption.check_customer_key(customer).map_err(|error| match error {
            ObjectsError::CustomerKeyWrong => ObjectsError::PartKeyWrong,
            _ => ObjectsError::PartKeyMissing,
        })
    }
}

impl Bucket {
    /// An upload under way.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchUpload`], also if it is another object's.
    pub fn upload(&self, key: &ObjectKey, id: UploadId) -> Result<&MultipartUpload, ObjectsError> {
        self.uploads.get(&(key.clone(), id)).ok_or(ObjectsError::NoSuchUpload)
    }

    /// The object that an upload which is no more was made, if these were its parts: their ETags make the object's.
    fn completed(&self, key: &ObjectKey, parts: &[CompletedPart]) -> Option<(NewVersion, ObjectRecord)> {
        let etag = etag(parts.iter().map(|part| part.etag.as_str()));
        let mut versions = self.objects.get(key)?.iter();
        let (version, record) = versions.find_map(|version| {
            let record = version.object().filter(|record| *record.etag == *etag)?;
            Some((version.id, record))
        })?;
        let version = self.versioned().then_some(version);
        Some((NewVersion { events: Vec::new(), replaced: Vec::new(), version }, record.clone()))
    }

    /// Lists a page of uploads.
    pub fn list_uploads(&self, request: &UploadsRequest) -> UploadsPage<'_> {
        let (mut page, mut entries) = (UploadsPage::default(), 0);
        let mut last = None;
        let least = |text: &str| ObjectKey::parse(text).ok().map(|key| (key, UploadId::from_bytes([0; 16])));
        let begin = match &request.after {
            Some((key, Some(id))) => {
                ObjectKey::parse(key).ok().map_or(Bound::Unbounded, |key| Bound::Excluded((key, *id)))
            }
            Some((key, None)) => {
                let most = ObjectKey::parse(key).ok().map(|key| (key, UploadId::from_bytes([0xff; 16])));
                most.map_or(Bound::Unbounded, Bound::Excluded)
            }
            None => least(&request.prefix).map_or(Bound::Unbounded, Bound::Included),
        };
        let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let mut uploads = self.uploads.range((begin, Bound::Unbounded));
        while let Some(((key, id), upload)) = uploads.next() {
            let Some(rest) = key.as_str().strip_prefix(request.prefix.as_str()) else {
                // What comes before the prefix is passed over; what comes behind it ends the page.
                if key.as_str() < request.prefix.as_str() { continue } else { break }
            };
            let rolled = delimiter.and_then(|delimiter| {
                let at = rest.find(delimiter)?;
                Some(key.as_str()[..request.prefix.len() + at + delimiter.len()].to_owned())
            });
            // A page that ended with a rolled-up prefix goes on behind it.
            if rolled.is_some() && rolled.as_deref() == request.after.as_ref().map(|(key, _)| key.as_str()) {
                continue;
            }
            if entries == request.max {
                page.next = last;
                break;
            }
            entries += 1;
            match rolled {
                None => {
                    last = Some((key.as_str().to_owned(), Some(*id)));
                    page.uploads.push((key, *id, upload));
                }
                Some(prefix) => {
                    last = Some((prefix.clone(), None));
                    let next = behind(&prefix).and_then(|next| least(&next));
                    page.prefixes.push(prefix);
                    let Some(next) = next else { break };
                    uploads = self.uploads.range((Bound::Included(next), Bound::Unbounded));
                }
            }
        }
        page
    }
}

impl Objects {
    /// CreateMultipartUpload.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchBucket`], [`ObjectsError::TooManyUploads`].
    pub fn begin_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        id: UploadId,
        upload: MultipartUpload,
    ) -> Result<Vec<Event>, ObjectsError> {
        if self.bucket(bucket)?.uploads.len() >= MULTIPART_UPLOADS_MAX {
            return Err(ObjectsError::TooManyUploads);
        }
        Ok(vec![Event::UploadBegun { bucket: bucket.clone(), key: key.clone(), id, upload: Box::new(upload) }])
    }

    /// UploadPart: the body is on the disk. Answers the file of the part it takes the place of.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchUpload`] if the upload ended meanwhile.
    pub fn put_part(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        id: UploadId,
        number: u16,
        part: Part,
    ) -> Result<(Vec<Event>, Option<BlobId>), ObjectsError> {
        let replaced = self.bucket(bucket)?.upload(key, id)?.parts.get(&number).map(|part| part.body.blob);
        Ok((vec![Event::PartPut { bucket: bucket.clone(), key: key.clone(), id, number, part }], replaced))
    }

    /// AbortMultipartUpload. Answers the files that are nobody's then.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchUpload`].
    pub fn abort_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        id: UploadId,
    ) -> Result<(Vec<Event>, Vec<BlobId>), ObjectsError> {
        let aborted = self.bucket(bucket)?.upload(key, id)?.blobs().collect();
        Ok((vec![Event::UploadEnded { bucket: bucket.clone(), key: key.clone(), id }], aborted))
    }

    /// CompleteMultipartUpload: makes one object of the parts listed; the others are nobody's then. Answers the object too.
    ///
    /// Said again, when the answer was lost on its way, it answers the same: there is no such upload any more, but an object of
    /// just these parts.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchUpload`], [`ObjectsError::InvalidPartOrder`], [`ObjectsError::InvalidPart`],
    /// [`ObjectsError::PartTooSmall`], [`ObjectsError::WholeChecksum`], [`ObjectsError::ChecksumType`],
    /// [`ObjectsError::WholeSize`]; as [`Objects::put_object`].
    pub fn complete_upload(
        &self,
        now: Timestamp,
        bucket: &BucketName,
        key: &ObjectKey,
        id: UploadId,
        completion: &Completion,
        random: &mut dyn Random,
    ) -> Result<(NewVersion, ObjectRecord), ObjectsError> {
        let known = self.bucket(bucket)?;
        let upload = match known.upload(key, id) {
            Ok(upload) => upload,
            Err(refusal) => return known.completed(key, &completion.parts).ok_or(refusal),
        };
        let record = whole(upload, completion, now)?;
        let mut new = self.put_object(bucket, key, record.clone(), completion.precondition.as_ref(), random)?;
        let kept: HashSet<BlobId> = record.blobs().collect();
        new.replaced.extend(upload.blobs().filter(|blob| !kept.contains(blob)));
        new.events.push(Event::UploadEnded { bucket: bucket.clone(), key: key.clone(), id });
        Ok((new, record))
    }
}

/// The object that the parts listed are.
fn whole(upload: &MultipartUpload, completion: &Completion, now: Timestamp) -> Result<ObjectRecord, ObjectsError> {
    let parts = chosen(upload, &completion.parts)?;
    if completion.composite.is_some_and(|composite| composite != upload.composite) {
        return Err(ObjectsError::ChecksumType { composite: upload.composite });
    }
    let size = parts.iter().map(|part| part.body.size).sum();
    if let Some(claimed) = completion.size.filter(|claimed| *claimed != size) {
        return Err(ObjectsError::WholeSize { claimed, size });
    }
    let checksum = checksum(upload, &parts);
    // Clients send a composite one with or without the number of parts.
    let same = |expected: &str| checksum.value == expected || checksum.value.split('-').next() == Some(expected);
    if completion.checksum.as_deref().is_some_and(|expected| !same(expected)) {
        return Err(ObjectsError::WholeChecksum);
    }
    let of_parts = upload.composite;
    let body =
        |part: &Part| Body { checksum: of_parts.then(|| part.checksum.value.as_str().into()), ..part.body.clone() };
    Ok(ObjectRecord {
        size,
        etag: etag(parts.iter().map(|part| &*part.etag)).into(),
        bodies: parts.into_iter().map(body).collect(),
        last_modified: now,
        encryption: upload.encryption.clone(),
        headers: upload.headers.clone(),
        metadata: upload.metadata.clone(),
        checksum: Some(checksum),
        tags: upload.tags.clone(),
    })
}

/// The parts listed, if they may be an object.
fn chosen<'a>(upload: &'a MultipartUpload, listed: &[CompletedPart]) -> Result<Vec<&'a Part>, ObjectsError> {
    if !listed.is_sorted_by(|one, next| one.number < next.number) {
        return Err(ObjectsError::InvalidPartOrder);
    }
    let found = listed.iter().map(|part| {
        let same = |found: &&Part| part.checksum.as_ref().is_none_or(|checksum| *checksum == found.checksum.value);
        let found = upload.parts.get(&part.number).filter(|found| *found.etag == *part.etag).filter(same);
        found.ok_or(ObjectsError::InvalidPart(part.number))
    });
    let found: Vec<&Part> = found.collect::<Result<_, _>>()?;
    let small = found.iter().zip(listed).rev().skip(1).find(|(part, _)| part.body.size < PART_BYTES_MIN);
    match small {
        Some((part, listed)) => Err(ObjectsError::PartTooSmall { number: listed.number, size: part.body.size }),
        None => Ok(found),
    }
}

/// MD5 of the parts' ETags' bytes, `-`, how many.
fn etag<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let (mut md5, mut count) = (Md5::new(), 0);
    for part in parts {
        // A part's ETag is 32 hexadecimal digits, as a BlobId is.
        BlobId::parse(part).iter().for_each(|bytes| md5.update(bytes.as_bytes()));
        count += 1;
    }
    let digest: String = md5.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{digest}-{count}")
}

/// S3 user guide, "Checking object integrity": a composite checksum is that of the parts' checksums' bytes; a CRC of the
/// whole follows from the parts'.
fn checksum(upload: &MultipartUpload, parts: &[&Part]) -> Checksum {
    let algorithm = upload.checksum;
    let values = parts.iter().map(|part| STANDARD.decode(&part.checksum.value).unwrap_or_default());
    match crc(algorithm).filter(|_| !upload.composite) {
        None => {
            let mut digests = Digests::new(algorithm, false);
            values.for_each(|value| digests.update(&value));
            let (checksum, _) = digests.finish();
            Checksum { algorithm, value: format!("{}-{}", checksum.value, parts.len()) }
        }
        Some(crc) => {
            let number = |bytes: Vec<u8>| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
            let whole = values.map(number).zip(parts).fold(None, |whole, (part, Part { body, .. })| match whole {
                None => Some(part),
                Some(whole) => Some(crc_fast::checksum_combine(crc, whole, part, body.size)),
            });
            let bytes = whole.unwrap_or_default().to_be_bytes();
            Checksum { algorithm, value: STANDARD.encode(&bytes[8 - algorithm.bytes()..]) }
        }
    }
}

fn crc(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::CRC32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::CRC32C => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::CRC64NVME => Some(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::SHA1 | ChecksumAlgorithm::SHA256 | ChecksumAlgorithm::SHA512 | ChecksumAlgorithm::MD5 => {
            None
        }
    }
}
