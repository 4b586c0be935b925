//! Batches through a Lambda function: called with a batch's records, and what it makes of them is put in their place.
use std::sync::Arc;

use sekisho_delivery::{
    Attempt, BatchId, Entry, INVOCATION_BYTES_MAX, INVOCATION_MAX, InvocationFailure, Lambda, Pipeline, Processed,
    RETRY_AFTER, RecordEntry, Transformed, invocation, judge,
};
use sekisho_journal::Journal;
use tokio::sync::{Semaphore, mpsc};

use super::keys::Opener;
use super::put::NewRecord;
use super::queue::Batch;
use super::sink::FlushError;
use super::streams::{DeliveryStreams, Live};
use crate::functions::{CallLimits, Functions};

/// Calls at once. Each holds a batch, an event and an answer in memory. And then: batches wait in the journal.
const CALLS_MAX: usize = 8;

/// Transforms what is due until the sender is gone.
pub(crate) async fn run(
    streams: Arc<DeliveryStreams>,
    functions: Arc<Functions>,
    mut due: mpsc::UnboundedReceiver<(Arc<Live>, BatchId)>,
) {
    let calls = Arc::new(Semaphore::new(CALLS_MAX));
    while let Some((live, id)) = due.recv().await {
        let Ok(permit) = calls.clone().acquire_owned().await else { return };
        let (streams, functions) = (streams.clone(), functions.clone());
        tokio::spawn(async move {
            // One that cannot be read is tried again at the next start: nothing of it is lost.
            match transform(&streams, &functions, &live, id).await {
                Ok(()) => {}
                Err(FlushError::DataKey(refusal)) => {
                    tracing::warn!(batch = id.0, %refusal, "a batch is not transformed until its key can be used");
                    streams.hold_transformation(&live, id);
                }
                Err(error) => {
                    tracing::error!(
                        batch = id.0,
                        error = &error as &dyn std::error::Error,
                        "a batch was not transformed"
                    );
                }
            }
            drop(permit);
        });
    }
}

async fn transform(
    streams: &Arc<DeliveryStreams>,
    functions: &Functions,
    live: &Arc<Live>,
    id: BatchId,
) -> Result<(), FlushError> {
    let (batch, name) = {
        let inner = live.lock();
        let Some(batch) = inner.queue.get(id).cloned() else { return Ok(()) };
        (batch, inner.config.name.clone())
    };
    let journal = streams.state.journal().clone();
    journal.wait_durable(batch.after()).await?;
    let stream = live.id;
    let opener = Opener::new(streams.state.clone(), stream);
    let entries = tokio::task::spawn_blocking(move || entries(&journal, opener, stream, &batch));
    let entries = entries.await.map_err(|_| FlushError::Thread)??;
    let records: Vec<RecordEntry<'_>> = entries.records().collect();
    let Some(pipeline) = streams.pipeline(&name) else { return Ok(()) };
    let tenant = streams.state.tenant();
    let arn = tenant.arn("firehose", format_args!("deliverystream/{name}"));
    let event =
        invocation(id, &arn, tenant.region.as_str(), records.iter().map(|record| (record.arrival, record.data)));
    let (made, transformed) = match (event, pipeline.lambda()) {
        (Ok(event), Some(lambda)) => call(functions, lambda, id, records.len(), event).await,
        (Err(failure), _) => (1, Err(failure)),
        // The stream was updated: it has no function any more.
        (Ok(_), None) => (0, Ok(records.iter().map(as_it_was).collect())),
    };
    if let Err(failure) = &transformed {
        tracing::warn!(stream = %name, records = records.len(), code = failure.code, message = failure.message, "a batch went to the error output");
    }
    let processed = process(streams, &pipeline, &records, made, transformed);
    let parts: Vec<&[u8]> = processed.iter().map(|(_, processed)| &processed.data[..]).collect();
    let new = processed.iter().zip(&parts).map(|((of, processed), parts)| NewRecord {
        partition: &processed.partition,
        arrival: of.arrival,
        origin: of.origin.as_ref(),
        parts: std::slice::from_ref(parts),
    });
    match streams.append(live, Some(id), &new.collect::<Vec<_>>()) {
        // Nobody waits for it to be durable: until it is, the batch is transformed again after a crash.
        Ok(_) | Err(super::PutError::NotFound(_)) => Ok(()),
        Err(super::PutError::Journal(error)) => Err(error.into()),
        Err(super::PutError::Kms(refusal)) => Err(FlushError::DataKey(refusal)),
        Err(error @ (super::PutError::TooLarge | super::PutError::Source | super::PutError::Unavailable)) => {
            tracing::error!(%error, "a batch was not transformed");
            Ok(())
        }
    }
}

fn as_it_was(record: &RecordEntry<'_>) -> Transformed {
    Transformed::Record { data: record.data.to_vec(), partition_keys: std::collections::BTreeMap::new() }
}

/// Each record that is left, with the one it was made of.
fn process<'a>(
    streams: &DeliveryStreams,
    pipeline: &Pipeline,
    records: &'a [RecordEntry<'a>],
    made: u32,
    transformed: Result<Vec<Transformed>, InvocationFailure>,
) -> Vec<(&'a RecordEntry<'a>, Processed)> {
    let transformed = match transformed {
        Ok(transformed) => transformed,
        Err(failure) => records.iter().map(|_| failure.of_record()).collect(),
    };
    let (ended, lambda_arn) = (streams.state.now(), pipeline.lambda().map(|lambda| lambda.arn.as_str()));
    let processed = records.iter().zip(&transformed).map(|(record, transformed)| {
        let attempt = Attempt { arrival: record.arrival, made, ended, lambda_arn };
        Some((record, pipeline.run_transformed(transformed, record.data, &attempt)?))
    });
    processed.flatten().collect()
}

/// Calls the function until it answers, or has failed too often. Answers how often it was called.
async fn call(
    functions: &Functions,
    lambda: &Lambda,
    batch: BatchId,
    count: usize,
    event: Vec<u8>,
) -> (u32, Result<Vec<Transformed>, InvocationFailure>) {
    let limits = CallLimits { time: INVOCATION_MAX, answer_bytes: INVOCATION_BYTES_MAX };
    let mut made = 0;
    loop {
        made += 1;
        let answered = functions.call(&lambda.arn, event.clone(), limits).await;
        let failed = |message| InvocationFailure { code: "Lambda.FunctionError", message, retry: true };
        match answered.map_err(failed).and_then(|answer| judge(batch, count, &answer)) {
            Err(failure) if failure.retry && made <= lambda.retries => {
                tracing::debug!(
                    lambda = lambda.arn,
                    made,
                    message = failure.message,
                    "a function failed; it is called again"
                );
                tokio::time::sleep(RETRY_AFTER).await;
            }
            outcome => return (made, outcome),
        }
    }
}

/// The batch's entries, read back whole: each record keeps its arrival and origin.
struct Entries {
    entries: Vec<Vec<u8>>,
    batch: Batch,
}

impl Entries {
    fn records(&self) -> impl Iterator<Item = RecordEntry<'_>> {
        let records = self.entries.iter().filter_map(|entry| match Entry::decode(entry) {
            Ok(Entry::Records(records)) => Some(records.records()),
            _ => None,
        });
        records.flatten().filter(|record| record.partition == self.batch.cut.partition.as_deref())
    }
}

fn entries(
    journal: &Journal,
    mut opener: Opener,
    stream: sekisho_delivery::StreamId,
    batch: &Batch,
) -> Result<Entries, FlushError> {
    let (mut entries, mut unread) = (Vec::new(), None);
    let partition = batch.cut.partition.as_deref();
    for (first, last) in batch.runs.iter() {
        journal.read(*first..=*last, &mut |_, entry| {
            let records = sekisho_delivery::RecordsEntry::of_stream(entry, stream);
            let of_batch = records.filter(|records| records.records().any(|record| record.partition == partition));
            match of_batch.filter(|_| unread.is_none()).map(|records| opener.open_entry(&records, partition)) {
                Some(Ok(entry)) => entries.push(entry),
                Some(Err(error)) => unread = Some(error),
                None => {}
            }
        })?;
    }
    if let Some(error) = unread {
        return Err(error);
    }
    let entries = Entries { entries, batch: batch.clone() };
    let found = entries.records().count() as u64;
    if found != batch.cut.records {
        return Err(FlushError::Incomplete { found, expected: batch.cut.records });
    }
    Ok(entries)
}
