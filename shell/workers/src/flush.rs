//! Flushing: a cut batch becomes an object. Whoever dies in between does it again, under the same key with the same bytes.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_blobs::{NewObject, ObjectStore, StoreError, Upload};
use sekisho_delivery::{Compressor, CutEntry, DeliveredEntry, Entry};
use sekisho_journal::{Journal, JournalError};
use sekisho_objects::{ChecksumAlgorithm, EncryptionRequest, SseAlgorithm};
use sekisho_types::ObjectKey;
use tokio::sync::{Semaphore, mpsc};

use crate::streams::{Batch, DeliveryStreams, Due};

/// Batches written at once. Each holds a block of the journal and a few chunks of its object in memory.
const FLUSHES_MAX: usize = 4;
/// The first wait after a failure; it doubles up to [`RETRY_MAX`]. Nothing is given up while the stream exists.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Why a batch's object could not be written.
#[derive(Debug, thiserror::Error)]
enum FlushError {
    #[error("the object store refused")]
    Store(#[from] StoreError),
    #[error("the journal could not be read")]
    Journal(#[from] JournalError),
    #[error("the journal holds {found} of the batch's {expected} records")]
    Incomplete { found: u64, expected: u64 },
    #[error("`{0}` is not an object key")]
    Key(String),
    #[error("the flushing thread ended early")]
    Thread,
}

/// Flushes what is due until the sender is gone.
pub(crate) async fn run(
    streams: Arc<DeliveryStreams>,
    objects: Arc<ObjectStore>,
    mut due: mpsc::UnboundedReceiver<Due>,
) {
    let flushes = Arc::new(Semaphore::new(FLUSHES_MAX));
    while let Some(next) = due.recv().await {
        let Ok(permit) = flushes.clone().acquire_owned().await else { return };
        let (streams, objects, flushes) = (streams.clone(), objects.clone(), flushes.clone());
        tokio::spawn(async move {
            let mut permit = Some(permit);
            let mut wait = RETRY_MIN;
            loop {
                let Some(batch) = next.stream.lock().undelivered.get(&next.batch).cloned() else { return };
                match flush(&streams, &objects, &next, &batch).await {
                    Ok(()) => return,
                    // The server goes down; the next start finds the cut in the journal.
                    Err(FlushError::Journal(JournalError::Failed) | FlushError::Store(StoreError::Journal(_))) => {
                        return;
                    }
                    Err(error) => {
                        let (bucket, key) = (&batch.cut.bucket, &batch.cut.key);
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(%bucket, key, error, retry_in = ?wait, "delivery failed; the records are kept");
                        metrics::counter!("sekisho_delivery_failures_total").increment(1);
                    }
                }
                // Whoever waits for a bucket or a key does not keep others from delivering.
                drop(permit.take());
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_MAX);
                permit = flushes.clone().acquire_owned().await.ok();
            }
        });
    }
}

async fn flush(streams: &DeliveryStreams, objects: &ObjectStore, due: &Due, batch: &Batch) -> Result<(), FlushError> {
    let journal = streams.state.journal().clone();
    journal.wait_durable(due.after).await?;
    let upload = objects.begin(new_object(&batch.cut)?).await?;
    let gathered = batch.clone();
    let upload = tokio::task::spawn_blocking({
        let journal = journal.clone();
        move || gather(&journal, &gathered, upload)
    });
    upload.await.map_err(|_| FlushError::Thread)??.finish().await?;
    // The entry may be lost in a crash; then the object is written once more, and is the same.
    let delivered = journal.append(&DeliveredEntry { stream: batch.cut.stream, batch: batch.cut.batch }.encode())?;
    journal.wait_durable(delivered).await?;
    due.stream.lock().undelivered.remove(&batch.cut.batch);
    metrics::counter!("sekisho_delivered_objects_total").increment(1);
    metrics::counter!("sekisho_delivered_records_total").increment(batch.cut.records);
    metrics::counter!("sekisho_delivered_bytes_total").increment(batch.cut.bytes);
    tracing::debug!(bucket = %batch.cut.bucket, key = batch.cut.key, records = batch.cut.records, "delivered");
    Ok(())
}

/// Reads the batch's records back, packs them, and writes them into the upload as it goes.
fn gather(journal: &Journal, batch: &Batch, mut upload: Upload) -> Result<Upload, FlushError> {
    const PIECE_BYTES: usize = 256 * 1024;
    let mut packer = Compressor::new(batch.cut.compression, &batch.cut.key);
    let (mut found, mut waiting, mut failed) = (0, 0, None);
    for (first, last) in &batch.runs {
        journal.read(*first..=*last, &mut |_, entry| {
            let Ok(Entry::Record(record)) = Entry::decode(entry) else { return };
            let of_batch = record.stream == batch.cut.stream && record.partition == batch.cut.partition.as_deref();
            if !of_batch || failed.is_some() {
                return;
            }
            packer.push(record.data);
            found += 1;
            waiting += record.data.len();
            if waiting >= PIECE_BYTES {
                waiting = 0;
                failed = upload.write(&packer.take()).err();
            }
        })?;
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    if found != batch.cut.records {
        return Err(FlushError::Incomplete { found, expected: batch.cut.records });
    }
    upload.write(&packer.finish())?;
    Ok(upload)
}

fn new_object(cut: &CutEntry) -> Result<NewObject, FlushError> {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/octet-stream".to_owned())]);
    if let Some(encoding) = cut.compression.content_encoding() {
        headers.insert("content-encoding".into(), encoding.into());
    }
    let encryption = EncryptionRequest {
        algorithm: cut.kms_key_arn.is_some().then_some(SseAlgorithm::AwsKms),
        kms_key: cut.kms_key_arn.clone(),
        ..EncryptionRequest::default()
    };
    Ok(NewObject {
        bucket: cut.bucket.clone(),
        key: ObjectKey::parse(&cut.key).map_err(|_| FlushError::Key(cut.key.clone()))?,
        headers,
        metadata: BTreeMap::new(),
        encryption,
        checksum: ChecksumAlgorithm::CRC64NVME,
        expected_checksum: None,
        content_md5: None,
    })
}
