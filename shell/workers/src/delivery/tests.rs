//! Streams over a real journal and a real store, under a clock of the test's.
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sekisho_blobs::ObjectStore;
use sekisho_delivery::{Entry, Given, Limits, PARTITIONS_MAX, Partition, Pipeline};
use sekisho_journal::{Durability, JournalError};
use sekisho_kms::RootKey;
use sekisho_objects::{Listed, ListingRequest};
use sekisho_state::{Event, State};
use sekisho_types::{AccountId, BucketName, DeliveryStreamName, ObjectKey, Region, SecretKey, Tenant, Timestamp};
use serde_json::{Value, json};

use super::put::NewRecord;
use super::{DeliveryStreams, PutError, Recovered, start_delivery};

const START_MILLIS: i64 = 1_800_000_000_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// A server's middle part on a directory, with a clock that is set.
pub(super) struct World {
    state: Arc<State>,
    pub(super) objects: Arc<ObjectStore>,
    streams: Arc<DeliveryStreams>,
    clock: Arc<AtomicI64>,
}

impl World {
    pub(super) fn open(directory: &Path, clock: &Arc<AtomicI64>) -> Self {
        Self::open_as_if(directory, clock, |_| true)
    }

    /// As if only these entries of streams were in the journal.
    fn open_as_if(directory: &Path, clock: &Arc<AtomicI64>, is_there: fn(&Entry<'_>) -> bool) -> Self {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("eu-north-1").unwrap() };
        let reading = clock.clone();
        let clock_of_state: sekisho_state::Clock =
            Arc::new(move || Timestamp::from_millis(reading.load(Ordering::SeqCst)));
        let root_key = RootKey::new(SecretKey::new([7; 32]));
        let mut recovered = Recovered::default();
        let opened = sekisho_state::open(
            &directory.join("journal"),
            tenant,
            root_key,
            Durability::Relaxed,
            clock_of_state,
            &mut |sequence, entry| {
                if Entry::decode(entry).is_ok_and(|entry| is_there(&entry)) {
                    recovered.handle(sequence, entry);
                }
            },
        );
        let state = Arc::new(opened.unwrap().state);
        let objects = Arc::new(ObjectStore::open(&directory.join("objects"), state.clone()).unwrap());
        let streams = start_delivery(state.clone(), objects.clone(), Arc::default(), Arc::default(), recovered);
        let following = streams.clone();
        state.observe(vec![Box::new(move |events, cores| following.follow(events, cores))]);
        Self { state, objects, streams, clock: clock.clone() }
    }

    pub(super) async fn bucket(&self) {
        let made = self.state.commit(|cores| {
            let events = cores.objects.create_bucket(self.state.now(), &lake(), None)?;
            Ok::<_, sekisho_objects::ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
        });
        made.await.unwrap();
    }

    async fn stream(&self, more: Value) {
        self.stream_to(name(), Given::S3(&destination(more))).await;
    }

    /// Its endpoint takes nothing, and is asked once.
    async fn posting_stream(&self) {
        let endpoint = json!({
            "EndpointConfiguration": { "Url": "http://127.0.0.1:1/" }, "RetryOptions": { "DurationInSeconds": 0 },
            "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 60 }, "S3Configuration": destination(json!({})),
        });
        self.stream_to(name(), Given::HttpEndpoint(&endpoint)).await;
    }

    async fn stream_to(&self, name: DeliveryStreamName, given: Given<'_>) {
        let made = self.state.commit(|cores| {
            let (now, tags) = (self.state.now(), BTreeMap::new());
            let made = cores.delivery.create_delivery_stream(now, name.clone(), given, Default::default(), tags);
            made.map(|(events, _)| (events.into_iter().map(Event::from).collect(), ()))
        });
        made.await.unwrap();
    }

    async fn put(&self, records: &[&str]) {
        let records: Vec<&[u8]> = records.iter().map(|record| record.as_bytes()).collect();
        let taken = self.streams.put_batch(&name(), &records, None).unwrap();
        self.state.journal().wait_durable(taken.sequence).await.unwrap();
    }

    fn pass(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    /// The objects there are, by key, with what is in them.
    async fn lake(&self) -> BTreeMap<String, String> {
        let keys: Vec<ObjectKey> = {
            let cores = self.state.read();
            let Ok(bucket) = cores.objects.bucket(&lake()) else { return BTreeMap::new() };
            let everything = ListingRequest { max_keys: 1000, ..ListingRequest::default() };
            let listing = bucket.list(&everything);
            let key = |listed: &Listed<'_>| match listed {
                Listed::Object(key, _) => ObjectKey::parse(key).unwrap(),
                Listed::Version(..) | Listed::CommonPrefix(_) => unreachable!("nothing is rolled up"),
            };
            listing.entries.iter().map(key).collect()
        };
        let mut all = BTreeMap::new();
        for key in keys {
            let (_, mut reader) = self.objects.get(&lake(), &key, None, None).await.unwrap();
            let mut text = Vec::new();
            while let Some(piece) = reader.next().await.unwrap() {
                text.extend_from_slice(&piece);
            }
            all.insert(key.as_str().to_owned(), String::from_utf8(text).unwrap());
        }
        all
    }

    /// Waits until there are so many objects.
    async fn objects(&self, count: usize) -> BTreeMap<String, String> {
        for _ in 0..6_000 {
            let lake = self.lake().await;
            if lake.len() >= count {
                assert_eq!(lake.len(), count, "{lake:?}");
                return lake;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("waited in vain for {count} objects");
    }
}

fn destination(more: Value) -> Value {
    let mut destination = json!({
        "RoleARN": "r", "BucketARN": "arn:aws:s3:::lake",
        "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 60 },
    });
    for (name, value) in more.as_object().unwrap() {
        destination[name] = value.clone();
    }
    destination
}

pub(super) fn lake() -> BucketName {
    BucketName::parse("lake").unwrap()
}

fn name() -> DeliveryStreamName {
    DeliveryStreamName::parse("s").unwrap()
}

fn partitioned() -> Value {
    let parameters = json!([{ "ParameterName": "MetadataExtractionQuery", "ParameterValue": "{p: .p}" }]);
    json!({
        "Prefix": "!{partitionKeyFromQuery:p}/", "ErrorOutputPrefix": "errors/",
        "DynamicPartitioningConfiguration": { "Enabled": true },
        "ProcessingConfiguration": { "Enabled": true, "Processors": [{ "Type": "MetadataExtraction", "Parameters": parameters }] },
    })
}

/// What a crash would leave: the directory as it is.
fn crashed(directory: &Path) -> tempfile::TempDir {
    let crashed = tempfile::tempdir().unwrap();
    for folder in ["journal", "objects"] {
        std::fs::create_dir(crashed.path().join(folder)).unwrap();
        for file in std::fs::read_dir(directory.join(folder)).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() {
                std::fs::copy(&file, crashed.path().join(folder).join(file.file_name().unwrap())).unwrap();
            }
        }
    }
    crashed
}

/// Through a function that nothing stands in the place of: every call fails.
fn transformed(retries: u32) -> Value {
    let parameters = [
        ("LambdaArn", "arn:aws:lambda:eu-north-1:000000000000:function:none"),
        ("NumberOfRetries", &retries.to_string()),
        ("BufferIntervalInSeconds", "60"),
    ];
    let parameters = parameters.map(|(name, value)| json!({ "ParameterName": name, "ParameterValue": value }));
    json!({ "ProcessingConfiguration": { "Enabled": true, "Processors": [{ "Type": "Lambda", "Parameters": parameters }] } })
}

#[tokio::test]
async fn a_clock_that_jumps_cuts_early_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::open(directory.path(), &Arc::new(AtomicI64::new(START_MILLIS)));
    world.bucket().await;
    world.stream(json!({})).await;
    world.put(&["a"]).await;
    world.pass(-HOUR_MILLIS);
    world.objects(1).await; // set back: cut now, not in an hour
    world.put(&["b"]).await;
    world.pass(-HOUR_MILLIS);
    world.put(&["c"]).await;
    world.pass(60_000);
    world.objects(2).await; // an interval behind the new time, not an hour
    world.put(&["d"]).await;
    world.pass(24 * HOUR_MILLIS);
    let lake = world.objects(3).await; // set forward: it is due
    let mut records: Vec<String> = lake.into_values().collect();
    records.sort_unstable();
    assert_eq!(records, ["a", "bc", "d"]);
}

#[tokio::test]
async fn partitions_are_delivered_together_each_record_in_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::open(directory.path(), &Arc::new(AtomicI64::new(START_MILLIS)));
    world.bucket().await;
    world.stream(partitioned()).await;
    // More partitions than one pass takes, in entries that hold several of them.
    const PARTITIONS: usize = 150;
    for round in 0..3 {
        for chunk in (0..PARTITIONS).collect::<Vec<_>>().chunks(40) {
            let records: Vec<String> = chunk.iter().map(|p| format!("{{\"p\":{p},\"n\":{round}}}")).collect();
            world.put(&records.iter().map(String::as_str).collect::<Vec<_>>()).await;
        }
        world.pass(10_000);
    }
    world.pass(60_000);
    for (key, text) in world.objects(PARTITIONS).await {
        let p = key.split('/').next().unwrap();
        let expected: String = (0..3).map(|round| format!("{{\"p\":{p},\"n\":{round}}}")).collect();
        assert_eq!(text, expected, "{key}");
    }
}

#[tokio::test]
async fn what_waits_is_there_after_a_restart_and_goes_into_one_object() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(START_MILLIS));
    let world = World::open(directory.path(), &clock);
    world.bucket().await;
    world.stream(partitioned()).await;
    world.put(&[r#"{"p":"a"}"#, r#"{"p":"b"}"#, "no JSON"]).await;
    let crashed = crashed(directory.path());
    let again = World::open(crashed.path(), &clock);
    again.put(&[r#"{"p":"a"}"#]).await;
    again.pass(90_000);
    let lake = again.objects(3).await;
    let of = |prefix: &str| lake.iter().find(|(key, _)| key.starts_with(prefix)).unwrap().1.clone();
    assert_eq!((of("a/"), of("b/")), (r#"{"p":"a"}"#.repeat(2), r#"{"p":"b"}"#.to_owned()));
    assert!(of("errors/").contains("rawData"));
}

#[tokio::test]
async fn records_beyond_the_last_partition_fill_objects_of_the_size_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::open(directory.path(), &Arc::new(AtomicI64::new(START_MILLIS)));
    world.bucket().await;
    world.stream(partitioned()).await;
    {
        let live = world.streams.live(&name()).unwrap();
        let mut inner = live.lock();
        let mut destination = inner.config.destination.clone();
        destination.buffering_hints.size_in_mbs = 1; // a stream with partitions has 64
        inner.limits = Limits::new(&destination, &Pipeline::default());
    }
    let keyed: Vec<String> = (0..PARTITIONS_MAX).map(|p| format!("{{\"p\":{p}}}")).collect();
    world.put(&keyed.iter().map(String::as_str).collect::<Vec<_>>()).await;
    // Each becomes a document of 134 KB.
    let more = "x".repeat(100_000);
    let beyond: Vec<String> = (0..20).map(|p| format!("{{\"p\":\"new {p}\",\"more\":\"{more}\"}}")).collect();
    world.put(&beyond.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (key, text) in world.objects(2).await {
        assert!(key.starts_with("errors/") && text.len() <= 1024 * 1024, "{key}: {}", text.len());
        assert_eq!(text.matches("ActivePartitionsLimitExceeded").count(), 7);
    }
}

#[tokio::test]
async fn an_entry_that_the_journal_refuses_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::open(directory.path(), &Arc::new(AtomicI64::new(START_MILLIS)));
    world.bucket().await;
    world.stream(json!({})).await;
    let live = world.streams.live(&name()).unwrap();
    let (arrival, large) = (world.state.now(), vec![b'x'; 25 * 1024 * 1024]);
    let record = NewRecord { partition: &Partition::Whole, arrival, origin: None, parts: &[&large] };
    let refused = world.streams.append(&live, None, &[record]);
    assert!(matches!(refused, Err(PutError::Journal(JournalError::TooLarge { .. }))), "{refused:?}");
    world.put(&["a"]).await;
    world.pass(60_000);
    assert_eq!(world.objects(1).await.into_values().collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn what_a_batch_became_is_there_whole_though_it_is_more_than_an_entry_holds() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(START_MILLIS));
    let world = World::open(directory.path(), &clock);
    world.bucket().await;
    world.stream(transformed(300)).await;
    world.put(&["a"]).await;
    let live = world.streams.live(&name()).unwrap();
    let batch = world.streams.flush(&name()).await.unwrap()[0].batch;
    let (arrival, made, partition) = (world.state.now(), "x".repeat(30_000), Partition::Whole);
    let parts = [made.as_bytes()];
    let record = NewRecord { partition: &partition, arrival, origin: None, parts: &parts };
    let taken = world.streams.append(&live, Some(batch), &vec![record; 1_000]).unwrap();
    world.state.journal().wait_durable(taken.sequence).await.unwrap();
    let crashed = crashed(directory.path());
    let again = World::open(crashed.path(), &clock);
    for world in [&world, &again] {
        let held = world.streams.insight(&name()).unwrap();
        assert_eq!((held.undelivered_batches, held.buffered_records), (0, 1_000));
    }
    clock.fetch_add(60_000, Ordering::SeqCst);
    for world in [world, again] {
        assert!(world.objects(1).await.into_values().all(|text| text.len() == 30_000_000));
    }
}

async fn until(is_so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("waited in vain");
}

/// Changes the last byte of what is in the journal, or changes it back.
fn flip(directory: &Path, at: Option<u64>) -> u64 {
    let files = std::fs::read_dir(directory.join("journal")).unwrap().map(|file| file.unwrap().path());
    let segment = files.filter(|path| path.extension().is_some_and(|extension| extension == "segment")).max().unwrap();
    let file = std::fs::File::options().read(true).write(true).open(&segment).unwrap();
    let at = at.unwrap_or_else(|| std::fs::read(&segment).unwrap().iter().rposition(|byte| *byte != 0).unwrap() as u64);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[!byte[0]], at).unwrap();
    at
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_back_now_is_tried_again() {
    for is_posted in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let world = World::open(directory.path(), &Arc::new(AtomicI64::new(START_MILLIS)));
        world.bucket().await;
        if is_posted {
            world.posting_stream().await
        } else {
            world.stream(transformed(0)).await
        }
        world.put(&["a"]).await;
        let at = flip(directory.path(), None);
        world.streams.flush(&name()).await.unwrap();
        let insight = || world.streams.insight(&name()).unwrap();
        until(|| !insight().held.is_empty()).await;
        let troubled = insight();
        let destination = if is_posted { "HTTP" } else { "LAMBDA" };
        assert_eq!((&*troubled.troubles[0].destination, troubled.undelivered_batches), (destination, 1));
        assert_eq!((&*troubled.held[0].destination, troubled.held[0].batches), (destination, 1));
        flip(directory.path(), Some(at));
        // Nobody takes it, so it ends in the error output; but it gets there.
        until(|| insight().held.is_empty()).await;
        world.pass(60_000);
        assert!(world.objects(1).await.into_values().all(|text| text.contains("rawData")));
    }
}

#[tokio::test]
async fn a_function_that_fails_keeps_no_other_from_being_called() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::open(directory.path(), &Arc::new(AtomicI64::new(START_MILLIS)));
    world.bucket().await;
    world.stream(transformed(300)).await;
    for _ in 0..20 {
        world.put(&["a"]).await;
        world.streams.flush(&name()).await.unwrap();
    }
    let other = DeliveryStreamName::parse("other").unwrap();
    world.stream_to(other.clone(), Given::S3(&destination(transformed(0)))).await;
    world.streams.put_batch(&other, &[b"b"], None).unwrap();
    world.streams.flush(&other).await.unwrap();
    until(|| world.streams.insight(&other).unwrap().undelivered_batches == 0).await;
}

#[tokio::test]
async fn what_was_given_up_is_not_posted_again_and_told_of_in_the_same_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(AtomicI64::new(START_MILLIS));
    let world = World::open(directory.path(), &clock);
    world.bucket().await;
    world.posting_stream().await;
    world.put(&["a"]).await;
    world.streams.flush(&name()).await.unwrap();
    let lake = world.objects(1).await;
    let crashed = crashed(directory.path());
    world.pass(HOUR_MILLIS);
    let again = World::open_as_if(crashed.path(), &clock, |entry| !matches!(entry, Entry::Delivered(_)));
    assert_eq!(again.streams.insight(&name()).unwrap().undelivered_batches, 1);
    until(|| again.streams.insight(&name()).unwrap().undelivered_batches == 0).await;
    assert_eq!(again.lake().await, lake);
}
