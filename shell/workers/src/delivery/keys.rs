//! Customers' keys at work: data keys made, used while KMS allows it, and forgotten when no record needs them.
//!
//! Locks are taken in one order, the state's before a stream's: a stream's keys change under both, so what KMS refuses is
//! refused from the moment the command that says so has taken effect.
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_delivery::{
    BatchId, DeliveryStream, OpenError, RecordEntry, RecordKey, StreamEncryption, StreamId, WrappedDataKey,
};
use sekisho_kms::{EncryptionContext, KmsError, Via};
use sekisho_state::{Cores, Event, State};
use sekisho_types::{SecretKey, Timestamp};

use super::put::PutError;
use super::sink::FlushError;
use super::streams::{DeliveryStreams, Live};

/// A data key seals no longer than this. And then: a new one.
const DATA_KEY_AGE_MAX: Duration = Duration::from_secs(3600);
/// How often data keys that nothing needs any more are looked for.
const FORGET_EVERY: Duration = Duration::from_secs(30);

/// The keys of one stream.
#[derive(Default)]
pub(crate) struct StreamKeys {
    wanted: Option<Wanted>,
    current: Option<Current>,
    /// Data keys that seal nothing any more, with the last entry of the journal that may hold a record of theirs.
    sealed_until: BTreeMap<u32, u64>,
    /// Batches that cannot be transformed until a key can be used.
    waiting: Vec<BatchId>,
}

/// The customer's key that records are sealed under.
struct Wanted {
    key_arn: String,
    /// Why it cannot be used now.
    refusal: Option<KmsError>,
}

/// The data key that seals. It was made by this run of the server, and is gone with it, so its nonces never repeat.
struct Current {
    key: RecordKey,
    made_at: Timestamp,
    /// The last entry that holds a record of its.
    last: u64,
}

/// Whether records can be taken.
pub(crate) enum Ready {
    /// They are the server's alone to seal.
    Plain,
    /// There is a data key for them.
    Sealed,
    /// There has to be a data key first.
    NeedsKey,
    /// The customer's key cannot be used.
    Refused(KmsError),
}

impl StreamKeys {
    /// A stream's, at start: every data key there is has sealed up to `last` at most, and seals nothing more.
    pub fn new(stream: &DeliveryStream, cores: &Cores, last: u64) -> Self {
        let sealed_until = cores.delivery.data_keys(stream.id).map(|key| (key.number, last)).collect();
        let mut keys = Self { sealed_until, ..Self::default() };
        keys.follow(&stream.encryption, cores);
        keys
    }

    /// The stream's encryption, or what KMS says of its key, may have changed.
    pub fn follow(&mut self, encryption: &StreamEncryption, cores: &Cores) {
        let before = self.wanted.take();
        self.wanted = encryption
            .customer_key()
            .map(|key_arn| Wanted { key_arn: key_arn.to_owned(), refusal: cores.kms.customer_key(key_arn).err() });
        let same = before.map(|wanted| wanted.key_arn) == self.wanted.as_ref().map(|wanted| wanted.key_arn.clone());
        let refused = self.wanted.as_ref().is_some_and(|wanted| wanted.refusal.is_some());
        if !same || refused {
            self.retire();
        }
    }

    /// Whether this many records can be taken now.
    pub fn ready(&self, records: usize, now: Timestamp) -> Ready {
        match (&self.wanted, &self.current) {
            (None, _) => Ready::Plain,
            (Some(Wanted { refusal: Some(refusal), .. }), _) => Ready::Refused(refusal.clone()),
            (Some(_), Some(current)) if current.is_fresh(records, now) => Ready::Sealed,
            (Some(_), _) => Ready::NeedsKey,
        }
    }

    /// The data key that seals.
    pub fn current(&mut self) -> Option<&mut RecordKey> {
        self.current.as_mut().map(|current| &mut current.key)
    }

    /// Records of the data key that seals are in this entry.
    pub fn wrote(&mut self, sequence: u64) {
        if let Some(current) = &mut self.current {
            current.last = sequence;
        }
    }

    fn install(&mut self, key: RecordKey, made_at: Timestamp) {
        self.retire();
        self.current = Some(Current { key, made_at, last: 0 });
    }

    fn retire(&mut self) {
        if let Some(current) = self.current.take() {
            self.sealed_until.insert(current.key.number(), current.last);
        }
    }

    /// The data keys below this one can go, if any can: the stream needs nothing of the journal before `oldest`.
    fn take_droppable(&mut self, oldest: Option<u64>, next: u32) -> Option<u32> {
        let oldest = oldest.unwrap_or(u64::MAX);
        let needed = self.sealed_until.iter().find(|(_, last)| **last >= oldest).map(|(number, _)| *number);
        let below = needed.or_else(|| Some(self.current.as_ref()?.key.number())).unwrap_or(next);
        let before = self.sealed_until.len();
        self.sealed_until.retain(|number, _| *number >= below);
        (self.sealed_until.len() < before).then_some(below)
    }
}

impl Current {
    fn is_fresh(&self, records: usize, now: Timestamp) -> bool {
        self.key.has_room(records) && now.since(self.made_at) < DATA_KEY_AGE_MAX
    }
}

impl DeliveryStreams {
    /// Makes a data key, unless somebody else just has.
    pub(super) fn make_data_key(&self, live: &Arc<Live>, records: usize) -> Result<(), PutError> {
        let (now, mut random) = (self.state.now(), self.state.random());
        let made = self.state.enqueue(|cores| {
            let stream = cores.delivery.stream_by_id(live.id);
            let Some((stream, key_arn)) = stream.and_then(|s| Some((s, s.encryption.customer_key()?))) else {
                return Ok((Vec::new(), ()));
            };
            if !matches!(live.lock().keys.ready(records, now), Ready::NeedsKey) {
                return Ok((Vec::new(), ()));
            }
            let context = context(stream, cores);
            let (root_key, named) = (self.state.root_key(), (key_arn, &context));
            let made = cores.kms.generate_data_key(Via::Firehose, root_key, named, 32, &mut random);
            self.state.key_used("GenerateDataKey", key_arn, &context, &made);
            let made = made?;
            let key = WrappedDataKey {
                number: cores.delivery.next_data_key(live.id),
                key_arn: made.key_arn,
                ciphertext_blob: STANDARD.encode(made.ciphertext_blob),
                made_at: now,
            };
            Ok((vec![sekisho_delivery::Event::DataKeyMade { stream: live.id, key }.into()], ()))
        });
        made.map_err(|error| match error {
            sekisho_state::CommitError::Command(refusal) => PutError::Kms(refusal),
            sekisho_state::CommitError::Journal(error) => PutError::Journal(error),
        })
    }

    /// Takes in what became of keys.
    pub(super) fn follow_keys(&self, event: &Event, cores: &Cores) {
        match event {
            Event::Delivery(sekisho_delivery::Event::DataKeyMade { stream, key }) => {
                let live = cores.delivery.stream_by_id(*stream).and_then(|stream| self.live(&stream.name));
                let Some(live) = live else { return };
                match open(&self.state, cores, *stream, key) {
                    Ok(opened) => live.lock().keys.install(opened, key.made_at),
                    Err(error) => {
                        tracing::error!(stream = stream.0, %error, "a data key that was just made does not open")
                    }
                }
            }
            Event::Kms(sekisho_kms::Event::KeyPut { key }) => self.follow_key(&key.arn(&cores.tenant), cores),
            Event::Kms(sekisho_kms::Event::KeyDeleted { key_id }) => {
                self.follow_key(&cores.tenant.arn("kms", format_args!("key/{key_id}")), cores);
            }
            _ => {}
        }
    }

    /// A KMS key was made usable, or unusable: whoever waits for it goes on, and whoever uses it stops.
    fn follow_key(&self, key_arn: &str, cores: &Cores) {
        for live in self.all() {
            let Some(stream) = cores.delivery.stream_by_id(live.id) else { continue };
            let uses = stream.encryption.customer_key() == Some(key_arn)
                || cores.delivery.data_keys(live.id).any(|key| key.key_arn == key_arn);
            if !uses {
                continue;
            }
            let mut inner = live.lock();
            inner.keys.follow(&stream.encryption, cores);
            if cores.kms.customer_key(key_arn).is_ok() {
                inner.queue.release_all();
                self.resume_transformations(&live, &mut inner.keys);
                self.tell_locked(&live, &mut inner);
            }
        }
    }

    /// Batches that waited for a key are tried again.
    pub(super) fn resume_transformations(&self, live: &Arc<Live>, keys: &mut StreamKeys) {
        keys.waiting.drain(..).for_each(|batch| self.tell_transformation(live, batch));
    }

    /// A batch cannot be transformed until a key can be used.
    pub(super) fn hold_transformation(&self, live: &Arc<Live>, batch: BatchId) {
        // Nobody changes a key while the state is read.
        let cores = self.state.read();
        let mut inner = live.lock();
        let of_stream = inner.config.encryption.customer_key().into_iter().map(str::to_owned);
        let mut keys = of_stream.chain(cores.delivery.data_keys(live.id).map(|key| key.key_arn.clone()));
        if keys.all(|key_arn| cores.kms.customer_key(&key_arn).is_ok()) {
            self.tell_transformation(live, batch);
        } else {
            inner.keys.waiting.push(batch);
        }
    }

    /// Forgets data keys that no record needs any more, from time to time, for ever.
    pub(super) async fn run_forgetting(self: Arc<Self>) {
        loop {
            tokio::time::sleep(FORGET_EVERY).await;
            if self.forget_data_keys().is_err() {
                return;
            }
        }
    }

    fn forget_data_keys(&self) -> Result<(), sekisho_state::CommitError<std::convert::Infallible>> {
        for live in self.all() {
            if live.lock().keys.sealed_until.is_empty() {
                continue;
            }
            self.state.enqueue(|cores| {
                let mut inner = live.lock();
                let (oldest, next) =
                    (inner.oldest(self.state.journal().durable()), cores.delivery.next_data_key(live.id));
                let below = inner.keys.take_droppable(oldest, next).filter(|_| !inner.gone);
                let dropped = |below| sekisho_delivery::Event::DataKeysDropped { stream: live.id, below }.into();
                Ok((below.map(dropped).into_iter().collect(), ()))
            })?;
        }
        Ok(())
    }
}

/// Opens sealed records of one stream, for as long as it takes to read a batch.
pub(crate) struct Opener {
    state: Arc<State>,
    stream: StreamId,
    keys: HashMap<u32, Result<RecordKey, KmsError>>,
}

impl Opener {
    pub fn new(state: Arc<State>, stream: StreamId) -> Self {
        Self { state, stream, keys: HashMap::new() }
    }

    /// What a record holds.
    ///
    /// # Errors
    /// [`FlushError::DataKey`], [`FlushError::Sealed`].
    pub fn open<'a>(&mut self, record: &RecordEntry<'a>) -> Result<Cow<'a, [u8]>, FlushError> {
        let Some(seal) = &record.seal else { return Ok(Cow::Borrowed(record.data)) };
        let key = self.keys.entry(seal.key).or_insert_with(|| {
            let cores = self.state.read();
            let key = cores.delivery.data_key(self.stream, seal.key).ok_or(KmsError::InvalidCiphertext)?;
            open(&self.state, &cores, self.stream, key)
        });
        match key {
            Ok(key) => Ok(Cow::Owned(key.open(record)?)),
            Err(KmsError::InvalidCiphertext) => Err(OpenError.into()),
            Err(refusal) => Err(FlushError::DataKey(refusal.clone())),
        }
    }
}

fn open(state: &State, cores: &Cores, stream: StreamId, key: &WrappedDataKey) -> Result<RecordKey, KmsError> {
    let stream = cores.delivery.stream_by_id(stream).ok_or(KmsError::InvalidCiphertext)?;
    let blob = STANDARD.decode(&key.ciphertext_blob).map_err(|_| KmsError::InvalidCiphertext)?;
    let context = context(stream, cores);
    let opened = cores.kms.decrypt(Via::Firehose, state.root_key(), &blob, &context, Some(&key.key_arn));
    state.key_used("Decrypt", &key.key_arn, &context, &opened);
    let secret: [u8; 32] = opened?.plaintext.expose().try_into().map_err(|_| KmsError::InvalidCiphertext)?;
    Ok(RecordKey::new(key.number, &SecretKey::new(secret)))
}

/// The encryption context of a stream's data keys.
fn context(stream: &DeliveryStream, cores: &Cores) -> EncryptionContext {
    EncryptionContext::from([("aws:firehose:arn".to_owned(), stream.arn(&cores.tenant))])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicI64, Ordering};

    use sekisho_delivery::{BufferKey, RecordsEntry};
    use sekisho_journal::Durability;
    use sekisho_kms::RootKey;
    use sekisho_types::{AccountId, DeliveryStreamName, Region, Tenant};

    use super::super::enabling;
    use super::super::recovered::Recovered;
    use super::super::streams::Due;
    use super::*;

    const MARKER: &[u8] = b"PLANTED-MARKER";

    struct World {
        streams: Arc<DeliveryStreams>,
        state: Arc<State>,
        seconds: Arc<AtomicI64>,
        key_arn: String,
        name: DeliveryStreamName,
        due: Due,
        directory: tempfile::TempDir,
    }

    fn open_state(directory: &tempfile::TempDir, seconds: &Arc<AtomicI64>) -> (Arc<State>, Arc<DeliveryStreams>, Due) {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("eu-north-1").unwrap() };
        let (root_key, seconds) = (RootKey::new(SecretKey::new([7; 32])), seconds.clone());
        let clock: sekisho_state::Clock =
            Arc::new(move || Timestamp::from_seconds(1_700_000_000 + seconds.load(Ordering::SeqCst)));
        let mut recovered = Recovered::default();
        let mut other = |sequence, entry: &[u8]| recovered.handle(sequence, entry);
        let opened =
            sekisho_state::open(directory.path(), tenant, root_key, Durability::Relaxed, clock, &mut other).unwrap();
        let state = Arc::new(opened.state);
        let (streams, due) = DeliveryStreams::new(state.clone(), Arc::default(), recovered);
        let observed = streams.clone();
        state.observe(vec![Box::new(move |events, cores| observed.follow(events, cores))]);
        (state, streams, due)
    }

    impl World {
        async fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let seconds = Arc::new(AtomicI64::new(0));
            let (state, streams, due) = open_state(&directory, &seconds);
            let mut random = state.random();
            let made = state.commit(|cores| {
                let (root_key, tags) = (state.root_key(), BTreeMap::new());
                let made = cores.kms.create_key(state.now(), root_key, String::new(), None, tags, &mut random);
                made.map(|(events, key)| (events.into_iter().map(Into::into).collect(), key.arn(&cores.tenant)))
            });
            let key_arn = made.await.unwrap();
            let name = DeliveryStreamName::parse("telemetry").unwrap();
            let encryption = StreamEncryption::Enabled { key: BufferKey::Customer { key_arn: key_arn.clone() } };
            let given =
                serde_json::json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake"});
            let made = state.commit(|cores| {
                let (now, tags) = (state.now(), BTreeMap::new());
                let made = cores.delivery.create_delivery_stream(
                    now,
                    name.clone(),
                    sekisho_delivery::Given::S3(&given),
                    encryption,
                    tags,
                );
                made.map(|(events, _)| (events.into_iter().map(Into::into).collect(), ()))
            });
            made.await.unwrap();
            Self { streams, state, seconds, key_arn, name, due, directory }
        }

        async fn restart(self) -> Self {
            self.state.settle().await.unwrap();
            self.state.journal().close();
            let Self { streams, state, seconds, key_arn, name, directory, .. } = self;
            // The streams observe the state, which keeps itself that way: the journal's lock goes with the process, not here.
            drop((streams, state));
            let copy = tempfile::tempdir().unwrap();
            for file in std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
            let (state, streams, due) = open_state(&copy, &seconds);
            Self { streams, state, seconds, key_arn, name, due, directory: copy }
        }

        async fn put(&self) -> Result<(), PutError> {
            let taken = self.streams.put_batch(&self.name, &[MARKER], None)?;
            assert!(taken.encrypted);
            self.state.journal().wait_durable(taken.sequence).await?;
            Ok(())
        }

        async fn enable(&self, enabled: bool) {
            let done = self.state.commit(|cores| {
                let changed = cores.kms.set_enabled(&self.key_arn, enabled);
                changed.map(|(events, _)| (events.into_iter().map(Into::into).collect(), ()))
            });
            done.await.unwrap();
        }

        /// Every record of the journal, with its data key, counter and what it opens to.
        fn records(&self) -> Vec<(u32, u64, Result<Vec<u8>, FlushError>)> {
            let mut opener = Opener::new(self.state.clone(), StreamId(1));
            let mut records = Vec::new();
            let all = 1..=self.state.journal().durable().0;
            let read = self.state.journal().read(all, &mut |_, entry| {
                assert!(
                    !entry.windows(MARKER.len()).any(|window| window == MARKER),
                    "the journal's own seal is all there is"
                );
                for record in RecordsEntry::of_stream(entry, StreamId(1)).into_iter().flat_map(|entry| entry.records())
                {
                    let seal = record.seal.unwrap();
                    records.push((seal.key, seal.counter, opener.open(&record).map(Cow::into_owned)));
                }
            });
            read.unwrap();
            records
        }

        fn nonces(&self) -> Vec<(u32, u64)> {
            self.records().into_iter().map(|(key, counter, _)| (key, counter)).collect()
        }
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_used_opens_nothing_and_takes_nothing() {
        let world = World::new().await;
        world.put().await.unwrap();
        assert!(matches!(&world.records()[..], [(0, 0, Ok(data))] if data == MARKER));
        world.enable(false).await;
        assert!(matches!(world.put().await, Err(PutError::Kms(KmsError::Disabled(_)))));
        assert!(matches!(world.records()[..], [(0, 0, Err(FlushError::DataKey(KmsError::Disabled(_))))]));
        let world = world.restart().await;
        assert!(matches!(world.put().await, Err(PutError::Kms(KmsError::Disabled(_)))));
        assert!(matches!(world.records()[..], [(0, 0, Err(FlushError::DataKey(KmsError::Disabled(_))))]));
        world.enable(true).await;
        assert!(matches!(&world.records()[..], [(0, 0, Ok(data))] if data == MARKER));
    }

    #[tokio::test]
    async fn no_data_key_goes_on_after_an_hour_a_restart_or_a_refusal() {
        let world = World::new().await;
        world.put().await.unwrap();
        world.put().await.unwrap();
        world.seconds.store(3600, Ordering::SeqCst);
        world.put().await.unwrap();
        world.enable(false).await;
        world.enable(true).await;
        world.put().await.unwrap();
        let world = world.restart().await;
        world.put().await.unwrap();
        assert_eq!(world.nonces(), [(0, 0), (0, 1), (1, 0), (2, 0), (3, 0)]);
    }

    #[tokio::test]
    async fn data_keys_are_kept_as_long_as_a_record_needs_one() {
        let world = World::new().await;
        let kept = |world: &World| -> Vec<u32> {
            world.streams.forget_data_keys().unwrap();
            world.state.read().delivery.data_keys(StreamId(1)).map(|key| key.number).collect()
        };
        for hour in 1..=3 {
            world.put().await.unwrap();
            world.seconds.store(3600 * hour, Ordering::SeqCst);
        }
        assert_eq!(kept(&world), [0, 1, 2], "everything waits");
        world.streams.flush(&world.name).await.unwrap();
        assert_eq!(kept(&world), [0, 1, 2], "cut is not delivered");
        let live = world.streams.live(&world.name).unwrap();
        for batch in world.streams.take_pass(&live) {
            live.lock().queue.done(batch.id);
        }
        assert_eq!(kept(&world), [2], "the one that seals stays");
        world.enable(false).await;
        assert_eq!(kept(&world), [0; 0]);
        world.enable(true).await;
        world.put().await.unwrap();
        assert_eq!(kept(&world), [3], "numbers are not used again");
    }

    #[tokio::test]
    async fn enabling_that_was_interrupted_is_finished_after_the_start() {
        let world = World::new().await;
        let begun = world.state.commit(|cores| {
            let asked = BufferKey::Customer { key_arn: world.key_arn.clone() };
            let events = cores.delivery.start_encryption(world.state.now(), &world.name, asked);
            events.map(|events| (events.into_iter().map(Into::into).collect(), ()))
        });
        begun.await.unwrap();
        // Nobody has finished it yet: the task that does was never started.
        let World { state, mut due, name, key_arn, .. } = world.restart().await;
        let is_changing = || state.read().delivery.stream(&name).unwrap().encryption.is_changing();
        assert!(is_changing());
        due.encryption.close();
        enabling::run(state.clone(), due.encryption).await;
        assert!(!is_changing());
        let cores = state.read();
        let encryption = &cores.delivery.stream(&name).unwrap().encryption;
        assert_eq!(*encryption, StreamEncryption::Enabled { key: BufferKey::Customer { key_arn } });
    }
}
