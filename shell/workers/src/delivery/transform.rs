//! Batches through a Lambda function: called with a batch's records, and what it makes of them is put in their place.
use std::sync::Arc;

use sekisho_delivery::{
    Attempt, BatchId, INVOCATION_BYTES_MAX, INVOCATION_MAX, InvocationFailure, Lambda, Partition, Pipeline, Processed,
    RETRY_AFTER, RecordEntry, RecordsEntry, RecordsWriter, Transformed, invocation, judge,
};
use sekisho_journal::Journal;
use tokio::sync::{Semaphore, mpsc};

use super::gather::gather;
use super::keys::Opener;
use super::put::{NewRecord, PutError};
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
        let (streams, functions, calls) = (streams.clone(), functions.clone(), calls.clone());
        tokio::spawn(async move {
            let mut made = 0;
            // Between two calls others have their turn: nothing is held that is dear.
            while attempt(&streams, &functions, &calls, &live, id, &mut made).await {
                tokio::time::sleep(RETRY_AFTER).await;
            }
        });
    }
}

/// Tries to transform a batch, unless it is over. Answers whether to call the function again.
async fn attempt(
    streams: &Arc<DeliveryStreams>,
    functions: &Functions,
    calls: &Semaphore,
    live: &Arc<Live>,
    id: BatchId,
    made: &mut u32,
) -> bool {
    let Ok(_permit) = calls.acquire().await else { return false };
    let Some(batch) = live.lock().queue.get(id).cloned() else { return false };
    live.figures.began(id);
    match transform(streams, functions, live, batch.clone(), made).await {
        Ok(Outcome::Transformed) => live.figures.transformed(id),
        Ok(Outcome::Again) => return true,
        Err(FlushError::DataKey(refusal)) => {
            tracing::warn!(batch = id.0, %refusal, "a batch is not transformed until its key can be used");
            streams.hold_transformation(live, id);
        }
        Err(error) => streams.set_back(live, batch, &error),
    }
    false
}

enum Outcome {
    /// What became of the batch is put back.
    Transformed,
    /// The function failed, and is to be called again.
    Again,
}

async fn transform(
    streams: &DeliveryStreams,
    functions: &Functions,
    live: &Arc<Live>,
    batch: Batch,
    made: &mut u32,
) -> Result<Outcome, FlushError> {
    let id = batch.id;
    let journal = streams.state.journal().clone();
    journal.wait_durable(batch.after()).await?;
    let (opener, of) = (Opener::new(streams.state.clone(), live.id), live.clone());
    let entry = tokio::task::spawn_blocking(move || read_back(&journal, &of, opener, batch));
    let entry = entry.await.map_err(|_| FlushError::Thread)??;
    let records: Vec<RecordEntry<'_>> =
        RecordsEntry::of_stream(&entry, live.id).into_iter().flat_map(|entry| entry.records()).collect();
    // Of this stream, though another of its name may be there by now.
    let (name, pipeline) = {
        let inner = live.lock();
        (inner.config.name.clone(), inner.pipeline.clone())
    };
    let tenant = streams.state.tenant();
    let arn = tenant.arn("firehose", format_args!("deliverystream/{name}"));
    let event =
        invocation(id, &arn, tenant.region.as_str(), records.iter().map(|record| (record.arrival, record.data)));
    let transformed = match (event, pipeline.lambda()) {
        (Ok(event), Some(lambda)) => {
            *made += 1;
            match call(functions, lambda, id, records.len(), event).await {
                Err(failure) if failure.retry && *made <= lambda.retries => {
                    let (arn, message) = (&lambda.arn, &*failure.message);
                    tracing::debug!(lambda = arn, made, message, "a function failed; it is called again");
                    return Ok(Outcome::Again);
                }
                outcome => outcome,
            }
        }
        (Err(failure), _) => {
            *made = 1;
            Err(failure)
        }
        // The stream was updated: it has no function any more.
        (Ok(_), None) => Ok(records.iter().map(as_it_was).collect()),
    };
    if let Err(failure) = &transformed {
        tracing::warn!(stream = %name, records = records.len(), code = failure.code, message = &*failure.message, "a batch went to the error output");
    }
    let processed = process(streams, &pipeline, &records, *made, transformed);
    let parts: Vec<&[u8]> = processed.iter().map(|(_, processed)| &processed.data[..]).collect();
    let new = processed.iter().zip(&parts).map(|((of, processed), parts)| NewRecord {
        partition: &processed.partition,
        arrival: of.arrival,
        origin: of.origin.as_ref(),
        parts: std::slice::from_ref(parts),
    });
    match streams.append(live, Some(id), &new.collect::<Vec<_>>()) {
        // Nobody waits for it to be durable: until it is, the batch is transformed again after a crash.
        Ok(_) | Err(PutError::NotFound(_)) => Ok(Outcome::Transformed),
        Err(PutError::Journal(error)) => Err(error.into()),
        Err(PutError::Kms(refusal)) => Err(FlushError::DataKey(refusal)),
        Err(error @ (PutError::TooLarge | PutError::Source | PutError::Unavailable)) => {
            Err(FlushError::NotTaken(error))
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

/// Calls the function once.
async fn call(
    functions: &Functions,
    lambda: &Lambda,
    batch: BatchId,
    count: usize,
    event: Vec<u8>,
) -> Result<Vec<Transformed>, InvocationFailure> {
    let limits = CallLimits { time: INVOCATION_MAX, answer_bytes: INVOCATION_BYTES_MAX };
    let answered = functions.call(&lambda.arn, event, limits).await;
    let answer = answered.map_err(|error| InvocationFailure::function_error(&error.to_string()))?;
    judge(batch, count, &answer)
}

/// The batch's records, read back as one entry: each keeps its arrival and origin.
fn read_back(journal: &Journal, live: &Live, mut opener: Opener, batch: Batch) -> Result<Vec<u8>, FlushError> {
    let (mut records, batches) = (RecordsWriter::new(live.id, None, 0), [batch]);
    let unread = gather(journal, live, &mut opener, &batches, &mut |_, record| {
        records.push(record.arrival, record.origin.as_ref(), &Partition::Untransformed, &[record.data]);
    })?;
    unread.into_iter().flatten().next().map_or_else(|| Ok(records.finish()), Err)
}
