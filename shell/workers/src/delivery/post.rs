//! Batches to an HTTP endpoint: a stream's one after the other, each until it is taken or its time is over. Then it becomes an
//! object, in which the endpoint's last answer is told.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{Full, LengthLimitError};
use sekisho_client::{HttpClient, HttpError};
use sekisho_delivery::{
    ANSWER_BYTES_MAX, ANSWER_MAX, Attempts, EndpointFailure, EndpointRequest, GivenUpEntry, HttpEndpoint, RetryBudget,
    judge_answer, request_id,
};
use sekisho_types::{DeliveryStreamName, Timestamp, with_causes};
use tokio::sync::{Semaphore, mpsc};

use super::flush::delivered;
use super::gather::gather;
use super::keys::Opener;
use super::queue::Batch;
use super::sink::FlushError;
use super::streams::{DeliveryStreams, Live};

/// KiB of request bodies in memory at once, of all streams. And then: batches wait in the journal. A body of one batch may
/// take it alone: 64 MiB are 86 MiB in base64, of four million records 150.
const BODIES_KIB_MAX: u32 = 256 * 1024;

/// Of a record in a body, beside its data in base64: `{"data":""},`, padding, and as much again as a body that grows has room.
const RECORD_BODY_BYTES: u64 = 24;

/// Between two looks whether a customer's key can be used again.
const KEY_RETRY: Duration = Duration::from_secs(2);

/// Posts what is due until the sender is gone.
pub(crate) async fn run(streams: Arc<DeliveryStreams>, mut due: mpsc::UnboundedReceiver<Arc<Live>>) {
    let poster =
        Arc::new(Poster { streams, client: HttpClient::default(), bodies: Semaphore::new(BODIES_KIB_MAX as usize) });
    while let Some(live) = due.recv().await {
        let poster = poster.clone();
        tokio::spawn(async move {
            loop {
                let Some(batch) = live.lock().queue.next_post() else { return };
                if let Err(error) = poster.deliver(&live, batch.clone()).await {
                    poster.streams.set_back(&live, batch, &error);
                }
            }
        });
    }
}

struct Poster {
    streams: Arc<DeliveryStreams>,
    client: HttpClient,
    bodies: Semaphore,
}

/// What an attempt came to, if the journal could be read.
type Attempt = Result<(), EndpointFailure>;

impl Poster {
    /// Posts a batch until it is taken or given up.
    async fn deliver(&self, live: &Arc<Live>, batch: Batch) -> Result<(), FlushError> {
        self.streams.state.journal().wait_durable(batch.after()).await?;
        let timestamp = self.streams.state.now();
        let mut budget = None;
        loop {
            let (endpoint, name) = {
                let inner = live.lock();
                if inner.queue.get(batch.id).is_none() {
                    return Ok(());
                }
                (inner.config.destination.http_endpoint.clone(), inner.config.name.clone())
            };
            // A stream keeps its kind of destination; this would be the journal of another release.
            let Some(endpoint) = endpoint else {
                let failure = EndpointFailure::connection("the stream has no HTTP endpoint");
                return self.give_up(live, &batch, &name, 0, failure).await;
            };
            let retry = Duration::from_secs(u64::from(endpoint.retry_s));
            let budget = budget.get_or_insert_with(|| RetryBudget::new(retry));
            let failure = match self.attempt(live, &batch, &endpoint, &name, timestamp).await {
                Ok(Ok(())) => return Ok(delivered(&self.streams, live, &[(batch, None)]).await?),
                Ok(Err(failure)) => failure,
                // Nobody asked the endpoint: the time it has does not run while the customer's key is locked.
                Err(FlushError::DataKey(refusal)) => {
                    tracing::debug!(stream = %name, %refusal, "a batch waits for its key");
                    tokio::time::sleep(KEY_RETRY).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            metrics::counter!("sekisho_delivery_failures_total").increment(1);
            let wait = budget.handle_failure(&mut self.streams.state.random());
            let attempts = budget.attempts();
            let Some(wait) = wait else {
                return self.give_up(live, &batch, &name, attempts, failure).await;
            };
            if attempts == 1 {
                tracing::warn!(stream = %name, code = &*failure.code, message = failure.message, retry_in = ?wait, "the endpoint did not take a batch; it is posted again");
            } else {
                tracing::debug!(stream = %name, attempts, code = &*failure.code, message = failure.message, retry_in = ?wait, "the endpoint did not take a batch");
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// From now on the batch is one for an object: whoever starts again over the journal must neither post it once more nor
    /// tell something else of it.
    async fn give_up(
        &self,
        live: &Arc<Live>,
        batch: &Batch,
        name: &DeliveryStreamName,
        made: u32,
        failure: EndpointFailure,
    ) -> Result<(), FlushError> {
        tracing::warn!(stream = %name, records = batch.cut.records, attempts = made, code = &*failure.code, message = failure.message, "a batch goes to the error output");
        let attempts = Attempts { made, ended: self.streams.state.now(), failure };
        let entry = GivenUpEntry { stream: live.id, batch: batch.id, attempts: attempts.clone() };
        let journal = self.streams.state.journal();
        journal.wait_durable(journal.append(&entry.encode())?).await?;
        live.lock().queue.give_up(batch.id, attempts);
        self.streams.tell(live);
        Ok(())
    }

    /// Reads the batch back and posts it once.
    async fn attempt(
        &self,
        live: &Arc<Live>,
        batch: &Batch,
        endpoint: &HttpEndpoint,
        name: &DeliveryStreamName,
        timestamp: Timestamp,
    ) -> Result<Attempt, FlushError> {
        let _room = self
            .bodies
            .acquire_many(body_kib(batch.cut.records, batch.cut.bytes))
            .await
            .map_err(|_| FlushError::Thread)?;
        let key = batch.cut.target.object().map_or("", |object| object.key);
        let id = request_id(key);
        let body = tokio::task::spawn_blocking({
            let (journal, live, batches) = (self.streams.state.journal().clone(), live.clone(), [batch.clone()]);
            let mut request = EndpointRequest::new(endpoint, &id, timestamp);
            let mut opener = Opener::new(self.streams.state.clone(), live.id);
            move || {
                let unread =
                    gather(&journal, &live, &mut opener, &batches, &mut |_, record| request.push(record.data))?;
                unread.into_iter().flatten().next().map_or_else(|| Ok(request.finish()), Err)
            }
        });
        let body = body.await.map_err(|_| FlushError::Thread)??;
        let source_arn = self.streams.state.tenant().arn("firehose", format_args!("deliverystream/{name}"));
        Ok(self.post(endpoint, &id, &source_arn, body).await)
    }

    async fn post(&self, endpoint: &HttpEndpoint, id: &str, source_arn: &str, body: Vec<u8>) -> Attempt {
        let mut request = Request::post(&endpoint.url);
        for (name, value) in endpoint.headers(id, source_arn) {
            let value = http::HeaderValue::from_maybe_shared(Bytes::from(value));
            let mut value = value.map_err(|_| EndpointFailure::connection("a header cannot be written"))?;
            value.set_sensitive(name == "x-amz-firehose-access-key");
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| EndpointFailure::connection(&error.to_string()))?;
        match tokio::time::timeout(ANSWER_MAX, self.client.send(request, ANSWER_BYTES_MAX)).await {
            Err(_) => Err(EndpointFailure::timed_out()),
            Ok(Ok(answer)) => judge_answer(id, answer.status().as_u16(), answer.body()),
            Ok(Err(HttpError::Body(cause))) if cause.is::<LengthLimitError>() => Err(EndpointFailure::too_large()),
            Ok(Err(error)) => Err(EndpointFailure::connection(&with_causes(&error))),
        }
    }
}

/// KiB of memory that the body of a request takes, about.
fn body_kib(records: u64, bytes: u64) -> u32 {
    let kib = (bytes * 3 / 2 + records * RECORD_BODY_BYTES) / 1024 + 64;
    u32::try_from(kib).unwrap_or(u32::MAX).min(BODIES_KIB_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_for_a_body_is_that_of_its_records_too() {
        let endpoint = serde_json::json!({"url": "https://here/", "retry_s": 0, "s3_buffering_hints": {"size_in_mbs": 1, "interval_in_seconds": 1}});
        let endpoint: HttpEndpoint = serde_json::from_value(endpoint).unwrap();
        for (records, size) in [(100_000_usize, 0_usize), (100_000, 1), (10_000, 100), (10, 1_000_000)] {
            let mut request = EndpointRequest::new(&endpoint, "id", Timestamp::from_millis(0));
            let data = vec![b'x'; size];
            (0..records).for_each(|_| request.push(&data));
            let (kib, room) = (request.finish().len() / 1024, body_kib(records as u64, (records * size) as u64));
            assert!((kib..2 * kib + 100).contains(&(room as usize)), "{records} of {size}: {kib} KiB in {room}");
        }
    }
}
