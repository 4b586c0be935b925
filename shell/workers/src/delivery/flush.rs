//! Flushing: cut batches become objects. Whoever dies in between does it again, under the same key with the same bytes.
use std::sync::Arc;
use std::time::Duration;

use sekisho_delivery::{DeliveredEntry, TargetObject};
use sekisho_journal::{JournalError, Sequence};
use tokio::sync::{Semaphore, mpsc};

use super::gather::gather;
use super::keys::Opener;
use super::queue::Batch;
use super::sink::{FlushError, Packed, Packing, Places, Sink};
use super::streams::{DeliveryStreams, Live};

/// Passes over the journal at once: each fills objects on a thread of its own.
const PASSES_MAX: usize = 4;

/// Flushes what is due until the sender is gone.
pub(crate) async fn run(streams: Arc<DeliveryStreams>, places: Places, mut due: mpsc::UnboundedReceiver<Arc<Live>>) {
    let passes = Arc::new(Semaphore::new(PASSES_MAX));
    while let Some(live) = due.recv().await {
        let Ok(permit) = passes.clone().acquire_owned().await else { return };
        let pass = streams.take_pass(&live);
        if pass.is_empty() {
            continue;
        }
        let (streams, places) = (streams.clone(), places.clone());
        tokio::spawn(async move {
            flush(&streams, &places, &live, pass).await;
            drop(permit);
        });
    }
}

/// Brings the batches of a pass where they go, as many as can be.
async fn flush(streams: &Arc<DeliveryStreams>, places: &Places, live: &Arc<Live>, pass: Vec<Batch>) {
    let mut failed = Vec::new();
    let written = write(streams, places, live, pass, &mut failed).await;
    if delivered(streams, live, &written).await.is_err() || failed.iter().any(|(_, error)| error.is_end()) {
        return;
    }
    for (batch, error) in failed {
        metrics::counter!("sekisho_delivery_failures_total").increment(1);
        live.figures.failed(streams.state.now(), &batch, &error);
        let news = live.lock().queue.failed(batch.id, &mut streams.state.random());
        if let Some((failures, wait)) = news {
            report(&batch, &error, failures, wait);
            let (streams, live) = (streams.clone(), live.clone());
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                live.lock().queue.release();
                streams.tell(&live);
            });
        }
    }
    streams.tell(live);
}

/// Says so at the first failure in a row, the second, the fourth and so on: a destination can be away for days.
fn report(batch: &Batch, error: &FlushError, failures: u32, wait: Duration) {
    let error = error as &dyn std::error::Error;
    let Some(TargetObject { bucket, key, .. }) = batch.cut.target.object() else { return };
    if failures.is_power_of_two() {
        tracing::warn!(%bucket, key, failures, error, retry_in = ?wait, "delivery failed; the records are kept");
    } else {
        tracing::debug!(%bucket, key, failures, error, retry_in = ?wait, "delivery failed again");
    }
}

/// Writes the objects; answers the batches whose objects are durable, and how many bytes they have.
async fn write(
    streams: &DeliveryStreams,
    places: &Places,
    live: &Arc<Live>,
    pass: Vec<Batch>,
    failed: &mut Vec<(Batch, FlushError)>,
) -> Vec<(Batch, Option<u64>)> {
    let journal = streams.state.journal().clone();
    let (mut batches, mut sinks) = (Vec::new(), Vec::new());
    for batch in pass {
        live.figures.began(batch.id);
        let began = match journal.wait_durable(batch.after()).await {
            Ok(()) => Sink::begin(places, &batch).await,
            Err(error) => Err(error.into()),
        };
        match began {
            Ok(sink) => {
                sinks.push(sink);
                batches.push(batch);
            }
            Err(error) => failed.push((batch, error)),
        }
    }
    let (of, gathered) = (live.clone(), batches.clone());
    let mut opener = Opener::new(streams.state.clone(), live.id);
    let packed = tokio::task::spawn_blocking(move || {
        let mut packing: Vec<_> = sinks.into_iter().zip(&gathered).map(|(sink, batch)| sink.pack(batch)).collect();
        let unread = gather(&journal, &of, &mut opener, &gathered, &mut |at, record| packing[at].push(record))?;
        let finish = |(packing, unread): (Packing, Option<FlushError>)| unread.map_or_else(|| packing.finish(), Err);
        Ok(packing.into_iter().zip(unread).map(finish).collect::<Vec<_>>())
    });
    let packed = match packed.await.unwrap_or(Err(FlushError::Thread)) {
        Ok(packed) => packed,
        Err(error) => {
            live.lock().queue.take_apart(batches.iter());
            let error = Arc::new(error);
            failed.extend(batches.into_iter().map(|batch| (batch, FlushError::Gather(error.clone()))));
            return Vec::new();
        }
    };
    let finish = |packed: Result<Packed, FlushError>| tokio::spawn(async move { packed?.finish().await });
    let finishing: Vec<_> = packed.into_iter().map(finish).collect();
    let mut written = Vec::new();
    for (batch, finishing) in batches.into_iter().zip(finishing) {
        match finishing.await.unwrap_or(Err(FlushError::Thread)) {
            Ok(length) => written.push((batch, Some(length))),
            Err(error) => failed.push((batch, error)),
        }
    }
    written
}

/// Notes that the batches are where they were to go. The entries may be lost in a crash; then the objects are written once
/// more, and are the same.
pub(super) async fn delivered(
    streams: &DeliveryStreams,
    live: &Arc<Live>,
    batches: &[(Batch, Option<u64>)],
) -> Result<(), JournalError> {
    let journal = streams.state.journal();
    let mut last = Sequence(0);
    for (batch, _) in batches {
        last = journal.append(&DeliveredEntry { stream: live.id, batch: batch.id }.encode())?;
    }
    journal.wait_durable(last).await?;
    for (batch, length) in batches {
        live.figures.delivered(batch, *length);
        live.lock().queue.done(batch.id);
        let is_posted = length.is_none();
        if !is_posted {
            metrics::counter!("sekisho_delivered_objects_total").increment(1);
        }
        metrics::counter!("sekisho_delivered_records_total").increment(batch.cut.records);
        metrics::counter!("sekisho_delivered_bytes_total").increment(batch.cut.bytes);
        if let Some(TargetObject { bucket, key, .. }) = batch.cut.target.object() {
            tracing::debug!(%bucket, key, is_posted, records = batch.cut.records, "delivered");
        }
    }
    Ok(())
}
