//! The same object under another KMS key: its data keys are wrapped anew, its chunks stay as they are.
use sekisho_objects::{BlobId, Body, VersionId};
use sekisho_state::Event;
use sekisho_types::{BucketName, ObjectKey};

use crate::data_key::{self, Place};
use crate::reader::read_header;
use crate::shelf::{FinishedBody, Shelf};
use crate::upload::{blocking, remove_all};
use crate::{ObjectStore, StoreError, StoredBody};

/// Sealed bytes copied at once.
const STEP_BYTES: usize = 1024 * 1024;

impl ObjectStore {
    /// UpdateObjectEncryption: `kms_key` wraps the object's data keys from now on. ETag, time and checksum stay. Goes on even if
    /// nobody waits for it.
    ///
    /// # Errors
    /// Those of [`sekisho_objects::Encryption::resealed`] and [`sekisho_objects::Objects::reseal_object`]; as [`ObjectStore::get`].
    pub async fn reseal(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        which: Option<VersionId>,
        kms_key: &str,
        bucket_key: bool,
    ) -> Result<Option<VersionId>, StoreError> {
        let (from, version, told, pin) = {
            let cores = self.state.read();
            let found = cores.objects.object(bucket, key, which)?;
            let pin = self.shelf.pin(found.record.blobs().collect());
            (found.record.clone(), found.version, found.versioned.then_some(found.version), pin)
        };
        let key_arn = self.state.read().kms.resolve(kms_key)?.arn(self.state.tenant());
        let encryption = from.encryption.resealed(&key_arn, bucket_key)?;
        let (state, shelf, bucket, key) = (self.state.clone(), self.shelf.clone(), bucket.clone(), key.clone());
        let task = tokio::spawn(async move {
            let (mut files, mut bodies) = (Vec::new(), Vec::new());
            for body in &from.bodies {
                let (state, shelf, encryption) = (state.clone(), shelf.clone(), encryption.clone());
                let (bucket, key, old, body) = (bucket.clone(), key.clone(), from.encryption.clone(), body.clone());
                let resealed = blocking(move || {
                    let place = Place { bucket: &bucket, key: &key, seal: body.seal(), customer: None };
                    let (stored, header, header_len) = read_header(&shelf, body.blob)?;
                    if header.blob != body.seal() {
                        return Err(StoreError::Damaged { blob: body.blob, found: "it is another body's" });
                    }
                    let data_key = data_key::open(&state, &old, place, &header)?;
                    let header = data_key::wrap(&state, &encryption, place, &data_key)?;
                    let blob = BlobId::new(&mut state.random());
                    let file = copy(&shelf, &*stored, header_len, &header.encode(), blob)?;
                    Ok((file, Body { blob, sealed_as: Some(body.seal()), ..body }))
                });
                let (file, body) = resealed.await?;
                files.push(file);
                bodies.push(body);
            }
            let replaced = state.commit(|cores| {
                let bodies = bodies.into_boxed_slice();
                let (events, replaced) =
                    cores.objects.reseal_object(&bucket, &key, version, &from.bodies, encryption, bodies)?;
                files.into_iter().for_each(FinishedBody::keep);
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), replaced))
            });
            remove_all(shelf, replaced.await?).await?;
            drop(pin);
            Ok(told)
        });
        task.await.map_err(|_| StoreError::Ended)?
    }
}

/// A body with another header before the same chunks. Blocks.
fn copy(
    shelf: &Shelf,
    from: &dyn StoredBody,
    behind: u64,
    header: &[u8],
    blob: BlobId,
) -> Result<FinishedBody, StoreError> {
    let mut copied = shelf.begin(blob)?;
    copied.write(header)?;
    let (mut position, mut step) = (behind, vec![0; STEP_BYTES]);
    while position < from.length() {
        let bytes = (from.length() - position).min(STEP_BYTES as u64) as usize;
        from.read_at(&mut step[..bytes], position)?;
        copied.write(&step[..bytes])?;
        position += bytes as u64;
    }
    copied.finish()
}
