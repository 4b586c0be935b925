//! A body on its way in: sealed, digested, durable, visible, in this order.
use std::sync::Arc;

use bytes::Bytes;
use sekisho_objects::{
    BlobId, Body, Checksum, ChecksumAlgorithm, Digests, Encryption, NewVersion, ObjectRecord, Pairs, Precondition,
    Sealer, VersionId,
};
use sekisho_state::{Event, State};
use sekisho_types::{BucketName, ObjectKey, Random};

use crate::shelf::{FinishedBody, Shelf, UnfinishedBody};
use crate::{Got, Reader, StoreError};

/// Plaintext sealed before the file is written to: what bounds an upload's memory, with one chunk more.
const STEP_BYTES: usize = 256 * 1024;

/// A body on its way in. Dropped before [`Upload::finish`], nothing of it stays.
pub struct Upload {
    pub(crate) target: Target,
    pub(crate) headers: Pairs,
    pub(crate) metadata: Pairs,
    pub(crate) tags: Pairs,
    pub(crate) encryption: Encryption,
    pub(crate) algorithm: ChecksumAlgorithm,
    pub(crate) expected_checksum: Option<String>,
    pub(crate) content_md5: Option<[u8; 16]>,
    pub(crate) blob: BlobId,
    pub(crate) file: UnfinishedBody,
    pub(crate) sealer: Sealer,
    pub(crate) digests: Digests,
    pub(crate) size: u64,
    /// Sealed and not yet written; the header at first.
    pub(crate) sealed: Vec<u8>,
}

/// Where an object is to become visible.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) state: Arc<State>,
    pub(crate) shelf: Shelf,
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) precondition: Option<Precondition>,
}

/// A body that is durable, and what is known of it.
pub(crate) struct Stored {
    pub(crate) file: FinishedBody,
    pub(crate) body: Body,
    pub(crate) etag: String,
    pub(crate) checksum: Checksum,
}

impl Upload {
    /// More of the body. Blocks now and then.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Elsewhere`], [`StoreError::Busy`].
    pub fn write(&mut self, plaintext: &[u8]) -> Result<(), StoreError> {
        for step in plaintext.chunks(STEP_BYTES) {
            self.digests.update(step);
            self.size += step.len() as u64;
            self.sealer.push(step, &mut self.sealed);
            if self.sealed.len() >= STEP_BYTES {
                self.file.write(&self.sealed)?;
                self.sealed.clear();
            }
        }
        Ok(())
    }

    /// More of the body, written by a thread that may block.
    ///
    /// # Errors
    /// As [`Upload::write`].
    pub async fn write_pieces(mut self, pieces: Vec<Bytes>) -> Result<Self, StoreError> {
        blocking(move || {
            pieces.iter().try_for_each(|piece| self.write(piece))?;
            Ok(self)
        })
        .await
    }

    /// Everything `reader` still has. The plaintext exists a piece at a time, in memory only.
    ///
    /// # Errors
    /// [`StoreError`] of either side.
    pub async fn write_from(mut self, reader: &mut Reader) -> Result<Self, StoreError> {
        while let Some(piece) = reader.next().await? {
            self = self.write_pieces(vec![piece]).await?;
        }
        Ok(self)
    }

    /// What the checksum must be, where it is only known after the body (a trailer).
    pub fn expect_checksum(&mut self, value: String) {
        self.expected_checksum = Some(value);
    }

    /// Replaces what is there only if this holds then.
    pub fn require(&mut self, precondition: Option<Precondition>) {
        self.target.precondition = precondition;
    }

    /// The mode the body is encrypted in.
    pub fn encryption(&self) -> &Encryption {
        &self.encryption
    }

    /// The checksum it is given.
    pub fn checksum(&self) -> ChecksumAlgorithm {
        self.algorithm
    }

    /// Gives the body up; so does dropping it.
    pub fn abort(self) {}

    /// Checks the digests, makes the body durable, then visible. Goes on even if nobody waits for it any more, so that
    /// index and disk agree.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is visible then, unless it is [`StoreError::Journal`].
    pub async fn finish(mut self) -> Result<Got, StoreError> {
        let publish = async move {
            let (target, encryption) = (self.target.clone(), self.encryption.clone());
            let (headers, metadata) = (std::mem::take(&mut self.headers), std::mem::take(&mut self.metadata));
            let tags = std::mem::take(&mut self.tags);
            let Stored { file, body, etag, checksum } = self.store().await?;
            let (size, last_modified) = (body.size, target.state.now());
            let record = ObjectRecord {
                bodies: [body].into(),
                size,
                etag: etag.into(),
                last_modified,
                encryption,
                headers,
                metadata,
                checksum: Some(checksum),
                tags,
            };
            target.publish(record, file).await
        };
        tokio::spawn(publish).await.map_err(|_| StoreError::Ended)?
    }

    /// Checks the digests and makes the body durable.
    pub(crate) async fn store(mut self) -> Result<Stored, StoreError> {
        let mut random = self.target.state.random();
        blocking(move || {
            self.sealer.finish(&mut self.sealed);
            self.file.write(&self.sealed)?;
            let (checksum, md5) = self.digests.finish();
            if self.expected_checksum.is_some_and(|expected| expected != checksum.value) {
                return Err(StoreError::Checksum(self.algorithm));
            }
            if self.content_md5.is_some() && self.content_md5 != md5 {
                return Err(StoreError::ContentMd5);
            }
            // Only SSE-S3's ETag tells of the plaintext; the others' is new at every put.
            let etag = match (&self.encryption, md5) {
                (Encryption::S3, Some(md5)) => hex(&md5),
                _ => hex(&random.array::<16>()),
            };
            let body = Body::new(self.blob, self.size);
            Ok(Stored { file: self.file.finish()?, body, etag, checksum })
        })
        .await
    }
}

impl Target {
    /// Makes an object whose body is durable visible, and removes what it replaces.
    async fn publish(self, record: ObjectRecord, file: FinishedBody) -> Result<Got, StoreError> {
        let (published, mut random) = (record.clone(), self.state.random());
        let replaced = self.state.commit(|cores| {
            let precondition = self.precondition.as_ref();
            let NewVersion { events, replaced, version } =
                cores.objects.put_object(&self.bucket, &self.key, published, precondition, &mut random)?;
            // The index may know the body from here on, whatever becomes of this task.
            file.keep();
            Ok::<(Vec<Event>, (Vec<BlobId>, Option<VersionId>)), StoreError>((
                events.into_iter().map(Event::from).collect(),
                (replaced, version),
            ))
        });
        let (replaced, version) = replaced.await?;
        remove_all(self.shelf.clone(), replaced).await?;
        Ok(Got { record, version })
    }
}

pub(crate) async fn remove_all(shelf: Shelf, blobs: Vec<BlobId>) -> Result<(), StoreError> {
    if blobs.is_empty() {
        return Ok(());
    }
    blocking(move || {
        blobs.into_iter().for_each(|blob| shelf.remove(blob));
        Ok(())
    })
    .await
}

/// Runs what blocks on the disk where that hurts nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::Ended)?
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
