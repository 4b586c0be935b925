//! Live delivery streams, and the decision when a batch is cut.
//!
//! A stream's lock is held while its records or cuts are appended, so that memory and journal agree on the order; appending
//! does not wait for the disk.
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use sekisho_delivery::{
    BatchId, ConversionPlan, CutConversion, CutEntry, CutReason, DeliveryStream, FORMAT_CONVERSION_FAILED,
    HTTP_ENDPOINT_FAILED, Limits, Naming, Partition, Pending, Pipeline, RecordsEntry, StreamId, Target, object_key,
};
use sekisho_journal::{JournalError, Sequence};
use sekisho_remote::RemoteBuckets;
use sekisho_state::{Cores, Event, State};
use sekisho_types::{BucketName, DeliveryStreamName, Timestamp};
use tokio::sync::{Notify, mpsc};

use super::figures::{Figures, Level};
use super::keys::StreamKeys;
use super::plan::plan_of;
use super::queue::{Batch, Queue};
use super::recovered::{Found, Recovered};
use super::sink::FlushError;
use super::tail::Tails;

/// The timer looks at least this often, since wall clocks are set back and forth.
const TIMER_MAX: Duration = Duration::from_secs(1);

/// One stream.
pub(crate) struct Live {
    pub id: StreamId,
    pub figures: Figures,
    pub tails: Tails,
    /// Entries that a crash came before the end of: what they hold is not there. Only a crash makes them.
    void: BTreeSet<u64>,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub config: DeliveryStream,
    /// What its records are converted by, as the catalog is now. It is kept here, since a cut must not ask for the state's lock:
    /// whoever holds that may wait for this stream's.
    plan: Option<Arc<ConversionPlan>>,
    pub pipeline: Arc<Pipeline>,
    pub limits: Limits,
    /// Those that hold something.
    pub buffers: HashMap<Partition, Pending>,
    /// When the first of them is due.
    pub next_due: Option<Timestamp>,
    pub queue: Queue,
    pub keys: StreamKeys,
    /// The stream was deleted: what it held is not wanted any more.
    pub gone: bool,
}

/// Who is told of batches.
struct Tell {
    here: mpsc::UnboundedSender<Arc<Live>>,
    elsewhere: mpsc::UnboundedSender<Arc<Live>>,
    posts: mpsc::UnboundedSender<Arc<Live>>,
    transformations: mpsc::UnboundedSender<(Arc<Live>, BatchId)>,
    encryption: mpsc::UnboundedSender<DeliveryStreamName>,
}

/// Batches that are due. They hold a few words each, and batches lie on the disk, so they are bounded by that.
pub(crate) struct Due {
    /// Streams that have batches for objects of our own.
    pub here: mpsc::UnboundedReceiver<Arc<Live>>,
    /// Streams that have batches, the first of which goes to another S3.
    pub elsewhere: mpsc::UnboundedReceiver<Arc<Live>>,
    /// Streams that have batches for their HTTP endpoint.
    pub posts: mpsc::UnboundedReceiver<Arc<Live>>,
    /// Batches that wait to be transformed.
    pub transformations: mpsc::UnboundedReceiver<(Arc<Live>, BatchId)>,
    /// Streams whose encryption is ENABLING or DISABLING.
    pub encryption: mpsc::UnboundedReceiver<DeliveryStreamName>,
}

/// A stream as its name finds it. The pipeline is beside it, so that a record asks for no lock more than a stream without has.
#[derive(Clone)]
pub(super) struct Named {
    pub live: Arc<Live>,
    pub pipeline: Arc<Pipeline>,
    /// It takes its records from topics, and from nowhere else.
    pub has_source: bool,
}

impl Live {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry of the journal, if it is one of the stream's that holds records.
    pub fn entry<'a>(&self, sequence: Sequence, entry: &'a [u8]) -> Option<RecordsEntry<'a>> {
        RecordsEntry::of_stream(entry, self.id).filter(|_| !self.void.contains(&sequence.0))
    }
}

fn pipeline_of(config: &DeliveryStream) -> Arc<Pipeline> {
    match Pipeline::new(&config.destination) {
        Ok(pipeline) => Arc::new(pipeline),
        // It compiled when the destination was checked, so a later release refuses what this one took.
        Err(error) => {
            tracing::error!(stream = %config.name, %error, "the stream's processors do not run; its records pass as they are");
            Arc::default()
        }
    }
}

/// Every delivery stream.
pub struct DeliveryStreams {
    pub(crate) state: Arc<State>,
    remote: Arc<RemoteBuckets>,
    by_name: RwLock<HashMap<DeliveryStreamName, Named>>,
    tell: Tell,
    /// When the timer wakes next, in milliseconds since the epoch.
    pub(super) wakes_at: AtomicI64,
    pub(super) sooner: Notify,
}

impl DeliveryStreams {
    /// Whether another S3 keeps a bucket of this name.
    pub(crate) fn is_elsewhere(&self, bucket: &BucketName) -> bool {
        self.remote.contains(bucket)
    }

    /// The streams there are, with what the journal still held for them.
    pub(crate) fn new(state: Arc<State>, remote: Arc<RemoteBuckets>, mut recovered: Recovered) -> (Arc<Self>, Due) {
        let (to_here, here) = mpsc::unbounded_channel();
        let (to_elsewhere, elsewhere) = mpsc::unbounded_channel();
        let (to_posts, posts) = mpsc::unbounded_channel();
        let (to_transformations, transformations) = mpsc::unbounded_channel();
        let (to_encryption, encryption) = mpsc::unbounded_channel();
        let tell = Tell {
            here: to_here,
            elsewhere: to_elsewhere,
            posts: to_posts,
            transformations: to_transformations,
            encryption: to_encryption,
        };
        let (by_name, wakes_at) = (RwLock::default(), AtomicI64::new(i64::MAX));
        let streams = Self { state, remote, by_name, tell, wakes_at, sooner: Notify::new() };
        let configs: Vec<_> = {
            let cores = streams.state.read();
            cores.delivery.streams().map(|config| (config.clone(), plan_of(config, &cores))).collect()
        };
        for (config, plan) in configs {
            let Found { pending, undelivered, void } = recovered.take(config.id);
            let keys = StreamKeys::new(&config, &streams.state.read(), streams.state.journal().durable().0);
            let live = streams.add(config, plan, pending, void, keys);
            for batch in undelivered {
                streams.enqueue(&live, &mut live.lock(), batch);
            }
            streams.tell(&live);
        }
        (Arc::new(streams), Due { here, elsewhere, posts, transformations, encryption })
    }

    fn add(
        &self,
        config: DeliveryStream,
        plan: Option<Arc<ConversionPlan>>,
        buffers: HashMap<Partition, Pending>,
        void: BTreeSet<u64>,
        keys: StreamKeys,
    ) -> Arc<Live> {
        self.tell_encryption(&config);
        let pipeline = pipeline_of(&config);
        let limits = Limits::new(&config.destination, &pipeline);
        let next_due = buffers.iter().map(|(partition, pending)| limits.due_at(partition, pending.held)).min();
        let has_source = config.source.is_some();
        let (id, name, queue) = (config.id, config.name.clone(), Queue::default());
        let (figures, tails) = (Figures::new(&name), Tails::default());
        let inner =
            Inner { config, plan, pipeline: pipeline.clone(), limits, buffers, next_due, queue, keys, gone: false };
        let live = Arc::new(Live { id, figures, tails, void, inner: Mutex::new(inner) });
        let named = Named { live: live.clone(), pipeline, has_source };
        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(name, named);
        live
    }

    /// Takes in what changed about the streams.
    pub fn follow(&self, events: &[Event], cores: &Cores) {
        if events.iter().any(|event| matches!(event, Event::Catalog(_))) {
            for live in self.all() {
                let mut inner = live.lock();
                inner.plan = plan_of(&inner.config, cores);
            }
        }
        for event in events {
            match event {
                Event::Delivery(sekisho_delivery::Event::StreamPut { stream }) => match self.find(&stream.name) {
                    Some(Named { live, .. }) => {
                        let pipeline = pipeline_of(stream);
                        let limits = Limits::new(&stream.destination, &pipeline);
                        let (of_live, has_source) = (pipeline.clone(), stream.source.is_some());
                        let named = Named { live: live.clone(), pipeline, has_source };
                        self.by_name.write().unwrap_or_else(PoisonError::into_inner).insert(stream.name.clone(), named);
                        let mut inner = live.lock();
                        inner.config = (**stream).clone();
                        inner.plan = plan_of(stream, cores);
                        (inner.pipeline, inner.limits) = (of_live, limits);
                        inner.keys.follow(&stream.encryption, cores);
                        self.resume_transformations(&live, &mut inner.keys);
                        self.tell_encryption(stream);
                        // Whether something is due by now is the timer's to find out.
                        inner.next_due = inner.next_due.map(|_| self.state.now());
                        self.sooner.notify_one();
                    }
                    None => {
                        let keys = StreamKeys::new(stream, cores, 0);
                        self.add((**stream).clone(), plan_of(stream, cores), HashMap::new(), BTreeSet::new(), keys);
                    }
                },
                Event::Delivery(sekisho_delivery::Event::StreamDeleted { name }) => {
                    let removed = self.by_name.write().unwrap_or_else(PoisonError::into_inner).remove(name);
                    if let Some(Named { live, .. }) = removed {
                        let mut inner = live.lock();
                        inner.gone = true;
                        inner.buffers = HashMap::new();
                        inner.queue.clear();
                        live.figures.measure(Level::default());
                        live.tails.end();
                        inner.keys = StreamKeys::default();
                    }
                }
                other => self.follow_keys(other, cores),
            }
        }
    }

    pub(super) fn find(&self, name: &DeliveryStreamName) -> Option<Named> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn live(&self, name: &DeliveryStreamName) -> Option<Arc<Live>> {
        self.find(name).map(|named| named.live)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Live>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner).values().map(|named| named.live.clone()).collect()
    }

    /// Cuts the batch: from now on it is the journal's business that it gets where it is to go, once.
    pub(super) fn cut(
        &self,
        live: &Arc<Live>,
        inner: &mut Inner,
        partition: &Partition,
        reason: CutReason,
    ) -> Result<(), JournalError> {
        let Some(pending) = inner.buffers.get(partition) else { return Ok(()) };
        let (Some(first), Some(last)) = (pending.first(), pending.last()) else { return Ok(()) };
        let held = pending.held;
        let cut = CutEntry {
            stream: live.id,
            partition: partition.to_text().map(Into::into),
            first,
            last,
            records: held.records,
            bytes: held.bytes,
            oldest: held.oldest,
            target: target(inner, partition, held.oldest, &mut self.state.random()),
        };
        let sequence = self.state.journal().append(&cut.encode())?;
        let pending = inner.buffers.remove(partition).unwrap_or_default();
        tracing::debug!(stream = %inner.config.name, records = cut.records, bytes = cut.bytes, ?reason, target = ?cut.target, "batch cut");
        let batch = Batch {
            id: BatchId(sequence.0),
            cut: Arc::new(cut),
            runs: pending.runs.into(),
            is_elsewhere: false,
            given_up: None,
        };
        self.enqueue(live, inner, batch);
        self.tell_locked(live, inner);
        Ok(())
    }

    fn enqueue(&self, live: &Arc<Live>, inner: &mut Inner, batch: Batch) {
        let (id, target) = (batch.id, batch.cut.clone());
        match &target.target {
            Target::HttpEndpoint { bucket, .. } if batch.given_up.is_some() => {
                let is_elsewhere = self.remote.contains(bucket);
                inner.queue.push(Batch { is_elsewhere, ..batch });
            }
            Target::Object { bucket, .. } => {
                let is_elsewhere = self.remote.contains(bucket);
                inner.queue.push(Batch { is_elsewhere, ..batch });
            }
            Target::HttpEndpoint { bucket, .. } => {
                let is_elsewhere = self.remote.contains(bucket);
                if inner.queue.push_post(Batch { is_elsewhere, ..batch }) {
                    let _ = self.tell.posts.send(live.clone());
                }
            }
            Target::Transformation => {
                inner.queue.push_apart(batch);
                self.tell_transformation(live, id);
            }
        }
    }

    pub(super) fn tell_transformation(&self, live: &Arc<Live>, batch: BatchId) {
        // The receiver is gone only while the server goes down; the next start finds the cut in the journal.
        let _ = self.tell.transformations.send((live.clone(), batch));
    }

    /// A batch that is posted or transformed could not be, for a reason of ours: it is tried again, later each time. If the
    /// journal has failed, the next start finds it.
    pub(super) fn set_back(self: &Arc<Self>, live: &Arc<Live>, batch: Batch, error: &FlushError) {
        if error.is_end() {
            return;
        }
        metrics::counter!("sekisho_delivery_failures_total").increment(1);
        live.figures.failed(self.state.now(), &batch, error);
        let news = live.lock().queue.set_back(batch.id, &mut self.state.random());
        let Some((failures, wait)) = news else { return };
        if failures.is_power_of_two() {
            let error = error as &dyn std::error::Error;
            tracing::error!(batch = batch.id.0, failures, error, retry_in = ?wait, "a batch could not be read back; it is kept");
        }
        let (streams, live) = (self.clone(), live.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let mut inner = live.lock();
            match &batch.cut.target {
                _ if inner.queue.get(batch.id).is_none() => {}
                Target::Transformation => streams.tell_transformation(&live, batch.id),
                Target::HttpEndpoint { .. } | Target::Object { .. } => {
                    if inner.queue.post_again(batch.id) {
                        let _ = streams.tell.posts.send(live.clone());
                    }
                }
            }
        });
    }

    fn tell_encryption(&self, stream: &DeliveryStream) {
        if stream.encryption.is_changing() {
            let _ = self.tell.encryption.send(stream.name.clone());
        }
    }

    /// Lets the flushers know if there is something for them.
    pub(crate) fn tell(&self, live: &Arc<Live>) {
        self.tell_locked(live, &mut live.lock());
    }

    pub(super) fn tell_locked(&self, live: &Arc<Live>, inner: &mut Inner) {
        let Some(is_elsewhere) = inner.queue.is_elsewhere() else { return };
        if !std::mem::replace(&mut inner.queue.told, true) {
            let whom = if is_elsewhere { &self.tell.elsewhere } else { &self.tell.here };
            let _ = whom.send(live.clone());
        }
    }

    /// Batches of a stream for one pass over the journal. If there are more, the next flusher is told.
    pub(crate) fn take_pass(&self, live: &Arc<Live>) -> Vec<Batch> {
        let mut inner = live.lock();
        inner.queue.told = false;
        let pass = inner.queue.take_pass();
        self.tell_locked(live, &mut inner);
        pass
    }

    /// Cuts everything a stream holds, due or not. Answers the batches.
    ///
    /// # Errors
    /// [`PutError::NotFound`], [`PutError::Journal`].
    pub(crate) fn cut_all(&self, live: &Arc<Live>) -> Result<Vec<Batch>, JournalError> {
        let mut inner = live.lock();
        let mut partitions: Vec<Partition> = inner.buffers.keys().cloned().collect();
        partitions.sort_unstable();
        let mut batches = Vec::new();
        for partition in partitions {
            self.cut(live, &mut inner, &partition, CutReason::Flush)?;
            batches.extend(inner.queue.batches().next_back().cloned());
        }
        Ok(batches)
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
                if inner.is_to_be_looked_at(now) && self.cut_due(&live, &mut inner, now).is_err() {
                    return;
                }
                next = inner.next_due.map_or(next, |due| next.min(due));
            }
            self.wakes_at.store(next.millis(), Ordering::Release);
            let wait = next.since(self.state.now()).max(Duration::from_millis(1));
            let _ = tokio::time::timeout(wait, self.sooner.notified()).await;
        }
    }

    fn cut_due(&self, live: &Arc<Live>, inner: &mut Inner, now: Timestamp) -> Result<(), JournalError> {
        let (mut over, mut next_due) = (Vec::new(), None::<Timestamp>);
        for (partition, pending) in &inner.buffers {
            if inner.limits.is_due(partition, pending.held, now) {
                over.push(partition.clone());
            } else {
                let due = inner.limits.due_at(partition, pending.held);
                next_due = Some(next_due.map_or(due, |next| next.min(due)));
            }
        }
        inner.next_due = next_due;
        over.iter().try_for_each(|partition| self.cut(live, inner, partition, CutReason::Interval))
    }

    /// The first entry of the journal that a stream still needs.
    ///
    /// Never beyond what was durable when it was asked: a stream that was empty when it was looked at may have taken records
    /// by the time the answer is used.
    pub fn oldest_pending(&self) -> Sequence {
        let durable = self.state.journal().durable();
        let horizon = durable.0 + 1;
        let oldest = |live: Arc<Live>| live.lock().oldest(durable);
        Sequence(self.all().into_iter().filter_map(oldest).min().map_or(horizon, |oldest| oldest.min(horizon)))
    }
}

impl Inner {
    /// The first entry of the journal that the stream still needs, when it is durable up to `durable`.
    pub fn oldest(&mut self, durable: Sequence) -> Option<u64> {
        let waiting = self.buffers.values().filter_map(Pending::first);
        self.queue.first(durable).into_iter().chain(waiting).min()
    }

    pub fn cut_before(&self, partition: &Partition, length: u64) -> Option<CutReason> {
        self.limits.cut_before(partition, self.buffers.get(partition)?.held, length)
    }

    pub fn cut_after(&self, partition: &Partition) -> Option<CutReason> {
        self.limits.cut_after(partition, self.buffers.get(partition)?.held)
    }

    /// Something is due, or will be so late that the clock must have been set back.
    fn is_to_be_looked_at(&self, now: Timestamp) -> bool {
        self.next_due.is_some_and(|due| due <= now || due > now.plus(self.limits.longest_wait()))
    }
}

fn target(inner: &Inner, partition: &Partition, oldest: Timestamp, random: &mut sekisho_state::OsRandom) -> Target {
    let config = &inner.config;
    let destination = match (partition, &config.destination.backup) {
        (Partition::Untransformed, _) => return Target::Transformation,
        (Partition::Backup, Some(backup)) => backup,
        _ => &config.destination,
    };
    let is_posted = destination.http_endpoint.is_some() && matches!(partition, Partition::Whole);
    let failed = Partition::Errors(HTTP_ENDPOINT_FAILED.into());
    let partition = if is_posted { &failed } else { partition };
    let naming = Naming { stream: &config.name, version: config.version, oldest, partition };
    let plan = inner.plan.clone().filter(|_| matches!(partition, Partition::Whole | Partition::Keys(_)));
    let conversion = plan.map(|plan| {
        let errors = Partition::Errors(FORMAT_CONVERSION_FAILED.into());
        let error_key = object_key(destination, Naming { partition: &errors, ..naming }, random);
        Box::new(CutConversion { plan, error_key })
    });
    let (bucket, key) = (destination.bucket.clone(), object_key(destination, naming, random));
    let (compression, kms_key_arn) = (destination.compression, destination.kms_key_arn.clone());
    match is_posted {
        true => Target::HttpEndpoint { bucket, key, compression, kms_key_arn },
        false => Target::Object { bucket, key, compression, kms_key_arn, conversion },
    }
}
