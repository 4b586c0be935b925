//! Objects that come in parts. A part is a sealed body under a data key of its own; listing the parts makes the object.
//!
//! Which parts there are is kept in memory. A restart forgets uploads that were not completed, and sweeps their parts.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::{Digest, Md5};
use sekisho_objects::{
    BlobId, Body, Checksum, ChecksumAlgorithm, Digests, Encryption, EncryptionRequest, ObjectRecord, Precondition,
};
use sekisho_types::{BucketName, ObjectKey, Random, Timestamp};

use crate::upload::{Stored, hex, remove_all};
use crate::{MultipartError, NewObject, ObjectStore, StoreError, Upload, data_key};

/// Uploads open at once, since each holds memory. One more is refused; the caller completes or aborts others first.
pub const MULTIPART_UPLOADS_MAX: usize = 1000;
/// Bytes of a part that is not the last (S3 user guide: "Amazon S3 multipart upload limits").
pub const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// An upload nobody completed for so long is aborted when the next one begins.
const ABANDONED_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// What an object that comes in parts is to be.
#[derive(Clone, Debug)]
pub struct NewMultipart {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Content-Type and kin, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-*`, by lower-case name without the prefix.
    pub metadata: BTreeMap<String, String>,
    /// What the request says of encryption.
    pub encryption: EncryptionRequest,
    /// The checksum to keep of the object.
    pub checksum: ChecksumAlgorithm,
    /// Whether that is a checksum of the parts' checksums. Only a CRC can be anything else.
    pub composite: bool,
}

/// An upload under way.
#[derive(Clone, Debug)]
pub struct MultipartUpload {
    bucket: BucketName,
    key: ObjectKey,
    headers: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    /// The mode, decided when the upload began.
    pub encryption: Encryption,
    /// The checksum to keep of the object; the parts have one of the same algorithm.
    pub checksum: ChecksumAlgorithm,
    /// Whether that is a checksum of the parts' checksums.
    pub composite: bool,
    initiated: Timestamp,
    /// What has come so far, by number.
    pub parts: BTreeMap<u16, Part>,
}

/// A part that has come.
#[derive(Clone, Debug)]
pub struct Part {
    body: Body,
    /// Without quotes.
    pub etag: String,
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
}

/// Uploads under way, by id.
#[derive(Default)]
pub(crate) struct Uploads(HashMap<String, MultipartUpload>);

impl ObjectStore {
    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an object that comes in parts; answers the upload's id and mode.
    ///
    /// # Errors
    /// As [`ObjectStore::begin`]; [`MultipartError::TooMany`].
    pub async fn create_multipart(&self, new: NewMultipart) -> Result<(String, Encryption), StoreError> {
        let encryption = self.choose(&new.bucket, &new.encryption).await?;
        let mut random = self.state.random();
        // The key must be usable now, not only when the first part comes.
        data_key::make(&self.state, &encryption, &new.bucket, &new.key, BlobId::new(&mut random))?;
        let now = self.state.now();
        let upload = MultipartUpload {
            bucket: new.bucket,
            key: new.key,
            headers: new.headers,
            metadata: new.metadata,
            encryption: encryption.clone(),
            checksum: new.checksum,
            composite: new.composite,
            initiated: now,
            parts: BTreeMap::new(),
        };
        let id = hex(&random.array::<32>());
        let (abandoned, full) = {
            let mut uploads = self.uploads();
            let abandoned: Vec<_> =
                uploads.0.extract_if(|_, upload| now.since(upload.initiated) > ABANDONED_AFTER).collect();
            let full = uploads.0.len() >= MULTIPART_UPLOADS_MAX;
            if !full {
                uploads.0.insert(id.clone(), upload);
            }
            (abandoned, full)
        };
        let blobs = abandoned.iter().flat_map(|(_, upload)| upload.blobs());
        remove_all(self.dir.clone(), blobs.collect()).await?;
        if full { Err(MultipartError::TooMany.into()) } else { Ok((id, encryption)) }
    }

    /// An upload under way.
    ///
    /// # Errors
    /// [`MultipartError::NoSuchUpload`], also if it is another object's.
    pub fn multipart(&self, id: &str, bucket: &BucketName, key: &ObjectKey) -> Result<MultipartUpload, StoreError> {
        Ok(self.uploads().get(id, bucket, key)?.clone())
    }

    /// Begins a part. Its checksum is of the upload's algorithm.
    ///
    /// # Errors
    /// [`MultipartError::NoSuchUpload`]; as [`ObjectStore::begin`].
    pub async fn begin_part(
        &self,
        id: &str,
        bucket: &BucketName,
        key: &ObjectKey,
        content_md5: Option<[u8; 16]>,
    ) -> Result<Upload, StoreError> {
        let (checksum, encryption) = {
            let uploads = self.uploads();
            let upload = uploads.get(id, bucket, key)?;
            (upload.checksum, upload.encryption.clone())
        };
        let part = NewObject {
            bucket: bucket.clone(),
            key: key.clone(),
            headers: BTreeMap::new(),
            metadata: BTreeMap::new(),
            encryption: EncryptionRequest::default(),
            checksum,
            expected_checksum: None,
            content_md5,
        };
        self.begin_as(part, encryption).await
    }

    /// The part is whole: keeps it in place of an earlier one of the same number.
    ///
    /// # Errors
    /// As [`Upload::finish`]; [`MultipartError::NoSuchUpload`] if the upload ended meanwhile.
    pub async fn finish_part(&self, id: &str, number: u16, part: Upload) -> Result<Part, StoreError> {
        let Stored { file, body, etag, checksum } = part.store().await?;
        let part = Part { body, etag, checksum, last_modified: self.state.now() };
        let replaced = {
            let mut uploads = self.uploads();
            let upload = uploads.0.get_mut(id).ok_or(MultipartError::NoSuchUpload)?;
            file.keep();
            upload.parts.insert(number, part.clone())
        };
        remove_all(self.dir.clone(), replaced.iter().map(|part| part.body.blob).collect()).await?;
        Ok(part)
    }

    /// Makes one object of the parts listed; the others are gone then.
    ///
    /// # Errors
    /// [`MultipartError`]; as [`Upload::finish`]. The upload stays open then, unless it is [`StoreError::Journal`].
    pub async fn complete_multipart(
        &self,
        id: &str,
        bucket: &BucketName,
        key: &ObjectKey,
        listed: &[CompletedPart],
        expected_checksum: Option<&str>,
        precondition: Option<Precondition>,
    ) -> Result<ObjectRecord, StoreError> {
        // Taken out first: the parts must not become two objects'.
        let (upload, record) = {
            let mut uploads = self.uploads();
            let record = whole(uploads.get(id, bucket, key)?, listed, expected_checksum, self.state.now())?;
            (uploads.0.remove(id).ok_or(MultipartError::NoSuchUpload)?, record)
        };
        let mut target = self.target(bucket.clone(), key.clone());
        target.precondition = precondition;
        let (uploads, id) = (self.uploads.clone(), id.to_owned());
        let publish = async move {
            let kept: HashSet<BlobId> = record.blobs().collect();
            let dir = target.dir.clone();
            match target.publish(record, || ()).await {
                Ok(record) => {
                    remove_all(dir, upload.blobs().filter(|blob| !kept.contains(blob)).collect()).await?;
                    Ok(record)
                }
                // Whether the object survives is not known, so its parts stay until the next start.
                Err(stopped @ StoreError::Journal(_)) => Err(stopped),
                Err(refusal) => {
                    uploads.lock().unwrap_or_else(PoisonError::into_inner).0.insert(id, upload);
                    Err(refusal)
                }
            }
        };
        tokio::spawn(publish).await.map_err(|_| StoreError::Ended)?
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// [`MultipartError::NoSuchUpload`].
    pub async fn abort_multipart(&self, id: &str, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        let aborted = {
            let mut uploads = self.uploads();
            uploads.get(id, bucket, key)?;
            uploads.0.remove(id)
        };
        remove_all(self.dir.clone(), aborted.iter().flat_map(MultipartUpload::blobs).collect()).await
    }
}

impl Uploads {
    fn get(&self, id: &str, bucket: &BucketName, key: &ObjectKey) -> Result<&MultipartUpload, MultipartError> {
        let found = self.0.get(id).filter(|upload| upload.bucket == *bucket && upload.key == *key);
        found.ok_or(MultipartError::NoSuchUpload)
    }
}

impl MultipartUpload {
    fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.parts.values().map(|part| part.body.blob)
    }
}

impl Part {
    /// Bytes of plaintext.
    pub fn size(&self) -> u64 {
        self.body.size
    }
}

/// The object that the parts listed are.
fn whole(
    upload: &MultipartUpload,
    listed: &[CompletedPart],
    expected_checksum: Option<&str>,
    now: Timestamp,
) -> Result<ObjectRecord, StoreError> {
    let parts = chosen(upload, listed)?;
    let checksum = checksum(upload, &parts);
    // Clients send a composite one with or without the number of parts.
    let same = |expected: &str| checksum.value == expected || checksum.value.split('-').next() == Some(expected);
    if expected_checksum.is_some_and(|expected| !same(expected)) {
        return Err(StoreError::Checksum(upload.checksum));
    }
    Ok(ObjectRecord {
        size: parts.iter().map(Part::size).sum(),
        etag: etag(&parts),
        bodies: parts.into_iter().map(|part| part.body).collect(),
        last_modified: now,
        encryption: upload.encryption.clone(),
        headers: upload.headers.clone(),
        metadata: upload.metadata.clone(),
        checksum: Some(checksum),
    })
}

/// The parts listed, if they may be an object.
fn chosen(upload: &MultipartUpload, listed: &[CompletedPart]) -> Result<Vec<Part>, MultipartError> {
    if !listed.is_sorted_by(|one, next| one.number < next.number) {
        return Err(MultipartError::InvalidPartOrder);
    }
    let found = listed.iter().map(|part| {
        let found = upload.parts.get(&part.number).filter(|found| found.etag == part.etag);
        found.cloned().ok_or(MultipartError::InvalidPart(part.number))
    });
    let found: Vec<Part> = found.collect::<Result<_, _>>()?;
    let small = found.iter().zip(listed).rev().skip(1).find(|(part, _)| part.size() < PART_BYTES_MIN);
    match small {
        Some((part, listed)) => Err(MultipartError::PartTooSmall { number: listed.number, size: part.size() }),
        None => Ok(found),
    }
}

/// MD5 of the parts' ETags' bytes, `-`, how many.
fn etag(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        // A part's ETag is 32 hexadecimal digits, as a BlobId is.
        BlobId::parse(&part.etag).iter().for_each(|bytes| md5.update(bytes.as_bytes()));
    }
    format!("{}-{}", hex(&md5.finalize()), parts.len())
}

/// S3 user guide, "Checking object integrity": a composite checksum is that of the parts' checksums' bytes; a CRC of the
/// whole follows from the parts'.
fn checksum(upload: &MultipartUpload, parts: &[Part]) -> Checksum {
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
        ChecksumAlgorithm::SHA1 | ChecksumAlgorithm::SHA256 => None,
    }
}
