//! Live delivery streams: records into the journal, and the decision when a batch is cut.
//!
//! A stream's lock is held while its record or cut is appended, so that memory and journal agree on the order; appending
//! does not wait for the disk.
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use sekisho_delivery::{
    BatchId, Buffer, CutEntry, CutReason, DeliveryStream, Naming, Origin, PARTITIONS_MAX, Partition, Pending, Pipeline,
    Processed, RECORD_BYTES_MAX, RecordEntry, StreamId, Wait, object_key,
};
use sekisho_journal::{JournalError, Sequence};
use sekisho_state::{Cores, Event, State};
use sekisho_types::{DeliveryStreamName, Timestamp};
use tokio::sync::{Notify, mpsc};

use crate::recovered::Recovered;

/// The timer looks at least this often, since wall clocks are set back and forth.
const TIMER_MAX: Duration = Duration::from_secs(1);

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The caller's move: there is no such stream.
    #[error("there is no delivery stream `{0}`")]
    NotFound(DeliveryStreamName),
    /// The caller's move: over [`RECORD_BYTES_MAX`].
    #[error("a record has at most {RECORD_BYTES_MAX} bytes")]
    TooLarge,
    /// Try again: the disk is behind.
    #[error("the disk is behind; try again")]
    Unavailable,
    /// Nothing can be promised any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A batch whose object is not durable yet.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub cut: CutEntry,
    /// Where its records are.
    pub runs: Vec<(u64, u64)>,
}

/// A batch to be flushed.
pub(crate) struct Due {
    pub stream: Arc<Live>,
    pub batch: BatchId,
    /// The cut has to be durable before the object is written.
    pub after: Sequence,
}

/// One stream.
pub(crate) struct Live {
    pub id: StreamId,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    config: DeliveryStream,
    /// Those that hold something.
    buffers: BTreeMap<Partition, Buffer>,
    pub undelivered: BTreeMap<BatchId, Batch>,
    /// The stream was deleted: what it held is not wanted any more.
    pub gone: bool,
}

impl Inner {
    fn configure(&mut self, config: DeliveryStream) {
        for buffer in self.buffers.values_mut() {
            buffer.set_hints(config.destination.buffering_hints);
        }
        self.config = config;
    }
}

fn pipeline_of(config: &DeliveryStream) -> Option<Arc<Pipeline>> {
    match Pipeline::new(&config.destination) {
        Ok(pipeline) => (!pipeline.is_empty()).then(|| Arc::new(pipeline)),
        // It compiled when the destination was checked, so a later release refuses what this one took.
        Err(error) => {
            tracing::error!(stream = %config.name, %error, "the stream's processors do not run; its records pass as they are");
            None
        }
    }
}

/// A stream as its name finds it. The pipeline is beside it, so that a record asks for no lock more than a stream without has.
#[derive(Clone)]
struct Named {
    live: Arc<Live>,
    /// None if records pass as they are.
    pipeline: Option<Arc<Pipeline>>,
}

impl Live {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every delivery stream.
pub struct DeliveryStreams {
    pub(crate) state: Arc<State>,
    by_name: RwLock<HashMap<DeliveryStreamName, Named>>,
    due: mpsc::UnboundedSender<Due>,
    /// When the timer wakes next, in milliseconds since the epoch.
    wakes_at: AtomicI64,
    sooner: Notify,
}

impl DeliveryStreams {
    /// The streams there are, with what the journal still held for them. The receiver is for [`crate::flush::run`]: it holds
    /// a few words a batch, and batches lie on the disk, so it is bounded by that.
    pub(crate) fn new(state: Arc<State>, mut recovered: Recovered) -> (Arc<Self>, mpsc::UnboundedReceiver<Due>) {
        let (due, receiver) = mpsc::unbounded_channel();
        let by_name = RwLock::default();
        let streams = Self { state, by_name, due, wakes_at: AtomicI64::new(i64::MAX), sooner: Notify::new() };
        let configs: Vec<DeliveryStream> = streams.state.read().delivery.streams().cloned().collect();
        for config in configs {
            let (pending, undelivered) = recovered.take(config.id);
            let live = streams.add(config, pending, undelivered);
            for batch in live.lock().undelivered.keys() {
                let _ = streams.due.send(Due { stream: live.clone(), batch: *batch, after: Sequence(0) });
            }
        }
        (Arc::new(streams), receiver)
    }

    fn add(
        &self,
        config: DeliveryStream,
        pending: BTreeMap<Partition, Pending>,
        undelivered: BTreeMap<BatchId, Batch>,
    ) -> Arc<Live> {
        let hints = config.destination.buffering_hints;
        let buffers = pending.into_iter().map(|(partition, pending)| (partition, Buffer::with_pending(hints, pending)));
        let (buffers, pipeline) = (buffers.collect(), pipeline_of(&config));
        let (id, name) = (config.id, config.name.clone());
        let live = Arc::new(Live { id, inner: Mutex::new(Inner { config, buffers, undelivered, gone: false }) });
        self.by_name
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name, Named { live: live.clone(), pipeline });
        live
    }

    /// Takes in what changed about the streams.
    pub fn follow(&self, events: &[Event], _: &Cores) {
        for event in events {
            match event {
                Event::Delivery(sekisho_delivery::Event::StreamPut { stream }) => match self.find(&stream.name) {
                    Some(Named { live, .. }) => {
                        let named = Named { live: live.clone(), pipeline: pipeline_of(stream) };
                        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(stream.name.clone(), named);
                        live.lock().configure((**stream).clone());
                        self.sooner.notify_one();
                    }
                    None => drop(self.add((**stream).clone(), BTreeMap::new(), BTreeMap::new())),
                },
                Event::Delivery(sekisho_delivery::Event::StreamDeleted { name }) => {
                    let removed = self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name);
                    if let Some(Named { live, .. }) = removed {
                        let mut inner = live.lock();
                        inner.gone = true;
                        inner.buffers.clear();
                        inner.undelivered.clear();
                    }
                }
                _ => {}
            }
        }
    }

    fn find(&self, name: &DeliveryStreamName) -> Option<Named> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn all(&self) -> Vec<Arc<Live>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().map(|named| named.live.clone()).collect()
    }

    /// Puts a record, given in parts, into a stream. It is the stream's once the journal is durable up to the sequence, with
    /// everything that its processors made of it.
    ///
    /// # Errors
    /// [`PutError`].
    pub fn put(
        &self,
        name: &DeliveryStreamName,
        parts: &[&[u8]],
        origin: Option<&Origin<'_>>,
    ) -> Result<Sequence, PutError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > RECORD_BYTES_MAX {
            return Err(PutError::TooLarge);
        }
        if !self.state.journal().has_room() {
            return Err(PutError::Unavailable);
        }
        let Named { live, pipeline } = self.find(name).ok_or_else(|| PutError::NotFound(name.clone()))?;
        let arrival = self.state.now();
        let Some(pipeline) = pipeline else {
            return self.append(&live, &Partition::Whole, arrival, origin, parts);
        };
        // Whoever sees only some of them durable has not acknowledged, and the producer sends the record again.
        let mut last = Sequence(0);
        for processed in pipeline.run(&parts.concat(), arrival) {
            last = self.append(&live, &processed.partition, arrival, origin, &[&processed.data])?;
        }
        Ok(last)
    }

    fn append(
        &self,
        live: &Arc<Live>,
        partition: &Partition,
        arrival: Timestamp,
        origin: Option<&Origin<'_>>,
        parts: &[&[u8]],
    ) -> Result<Sequence, PutError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut entry = Vec::with_capacity(256 + length);
        RecordEntry::encode_head(live.id, arrival, origin, partition.to_text().as_deref(), &mut entry);
        parts.iter().for_each(|part| entry.extend_from_slice(part));

        let mut inner = live.lock();
        if inner.gone {
            return Err(PutError::NotFound(inner.config.name.clone()));
        }
        let is_full = inner.buffers.len() >= PARTITIONS_MAX;
        if is_full && matches!(partition, Partition::Keys(_)) && !inner.buffers.contains_key(partition) {
            drop(inner);
            let record = Processed::without_partition(&parts.concat(), arrival);
            return self.append(live, &record.partition, arrival, origin, &[&record.data]);
        }
        if let Some(reason) = inner.buffers.get(partition).and_then(|buffer| buffer.cut_before(length as u64)) {
            self.cut(live, &mut inner, partition, reason)?;
        }
        let sequence = self.state.journal().append(&entry)?;
        let hints = inner.config.destination.buffering_hints;
        let buffer = inner.buffers.entry(partition.clone()).or_insert_with(|| Buffer::new(hints));
        match buffer.handle_record(arrival, sequence.0, length as u64) {
            Some(reason) => self.cut(live, &mut inner, partition, reason)?,
            None if buffer.pending().records == 1 => self.wake_for(buffer.poll_timeout()),
            None => {}
        }
        Ok(sequence)
    }

    fn wake_for(&self, wait: Wait) {
        if let Wait::Until(end) = wait
            && end.millis() < self.wakes_at.load(Ordering::Acquire)
        {
            self.sooner.notify_one();
        }
    }

    /// Cuts the batch: from now on it is the journal's business that its object gets written, once.
    fn cut(
        &self,
        live: &Arc<Live>,
        inner: &mut Inner,
        partition: &Partition,
        reason: CutReason,
    ) -> Result<(), JournalError> {
        let Some(mut buffer) = inner.buffers.remove(partition) else { return Ok(()) };
        let pending = buffer.cut();
        let (Some(first), Some(last)) = (pending.first(), pending.last()) else { return Ok(()) };
        let DeliveryStream { name, version, destination, .. } = &inner.config;
        let naming = Naming { stream: name, version: *version, oldest: pending.oldest, partition };
        let cut = CutEntry {
            stream: live.id,
            batch: BatchId(first),
            partition: partition.to_text(),
            last,
            records: pending.records,
            bytes: pending.bytes,
            bucket: destination.bucket.clone(),
            key: object_key(destination, naming, &mut self.state.random()),
            compression: destination.compression,
            kms_key_arn: destination.kms_key_arn.clone(),
        };
        let after = self.state.journal().append(&cut.encode())?;
        tracing::debug!(stream = %name, records = cut.records, bytes = cut.bytes, ?reason, key = cut.key, "batch cut");
        let batch = cut.batch;
        inner.undelivered.insert(batch, Batch { cut, runs: pending.runs });
        // The receiver is gone only while the server goes down; the next start finds the cut in the journal.
        let _ = self.due.send(Due { stream: live.clone(), batch, after });
        Ok(())
    }

    /// Cuts what is due, for ever. Ends with the journal.
    pub async fn run_timer(self: Arc<Self>) {
        loop {
            // A record that arrives while we look wakes us again: its stream may have been looked at already.
            self.wakes_at.store(i64::MAX, Ordering::Release);
            let now = self.state.now();
            let mut next = now.plus(TIMER_MAX);
            for live in self.all() {
                let mut inner = live.lock();
                let mut over = Vec::new();
                for (partition, buffer) in &inner.buffers {
                    match (buffer.handle_timeout(now), buffer.poll_timeout()) {
                        (Some(reason), _) => over.push((partition.clone(), reason)),
                        (None, Wait::Until(end)) => next = next.min(end),
                        (None, Wait::Forever) => {}
                    }
                }
                for (partition, reason) in over {
                    if self.cut(&live, &mut inner, &partition, reason).is_err() {
                        return;
                    }
                }
            }
            self.wakes_at.store(next.millis(), Ordering::Release);
            let wait = next.since(self.state.now()).max(Duration::from_millis(1));
            let _ = tokio::time::timeout(wait, self.sooner.notified()).await;
        }
    }

    /// The first entry of the journal that a stream still needs.
    ///
    /// Never beyond what was durable when it was asked: a stream that was empty when it was looked at may have taken records
    /// by the time the answer is used.
    pub fn oldest_pending(&self) -> Sequence {
        let horizon = self.state.journal().durable().0 + 1;
        let oldest = |live: Arc<Live>| {
            let inner = live.lock();
            let cut = inner.undelivered.keys().next().map(|batch| batch.0);
            let waiting = inner.buffers.values().filter_map(|buffer| buffer.pending().first());
            cut.into_iter().chain(waiting).min()
        };
        Sequence(self.all().into_iter().filter_map(oldest).min().map_or(horizon, |oldest| oldest.min(horizon)))
    }
}
