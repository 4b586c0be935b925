//! Batches of a stream that are cut and not yet where they go: which are next, and which wait because their destination failed.
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sekisho_delivery::{Attempts, Backoff, BatchId, CutEntry, CutSchema, Target};
use sekisho_journal::Sequence;
use sekisho_types::Random;
use tokio::time::Instant;

/// Batches of one stream gathered in one pass over the journal. Each holds a compressor and a few chunks of its object in
/// memory. And then: the rest waits for the next pass.
const PASS_BATCHES_MAX: usize = 64;
/// Bytes of records in the batches of one pass that go elsewhere, but for the first: what goes over the network waits in
/// memory for a part to be full. And then: the rest waits for the next pass.
const PASS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What the batches of a pass that are converted may weigh together, in bytes of memory, about. And then: the rest waits for the
/// next pass. One alone may weigh more, and is bounded by its row groups.
const PASS_WEIGHT_MAX: u64 = 128 * 1024 * 1024;

/// Of a document beside the record it tells of, about, with a message as long as is kept.
const DOCUMENT_BYTES: u64 = 1536;

/// What waits of one object that goes elsewhere, about: a part.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// A batch that is not where it is to go yet.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub id: BatchId,
    pub cut: Arc<CutEntry>,
    /// Where its records are.
    pub runs: Arc<[(u64, u64)]>,
    /// Its bucket is kept by another S3.
    pub is_elsewhere: bool,
    /// Its endpoint did not take it: documents that tell so become its object.
    pub given_up: Option<Arc<Attempts>>,
}

impl Batch {
    /// The cut has to be durable before anything is done with it.
    pub fn after(&self) -> Sequence {
        Sequence(self.id.0)
    }

    /// Memory it takes to convert it, about.
    fn weight(&self) -> u64 {
        match &self.cut.target {
            Target::Object { conversion: Some(conversion), .. } => {
                conversion.plan.weight(self.cut.records, self.cut.bytes)
            }
            Target::Object { conversion: None, .. } | Target::HttpEndpoint { .. } | Target::Transformation => 0,
        }
    }

    /// Bytes it becomes on its way elsewhere, about: a document is larger than the record it tells of.
    fn outgoing(&self) -> u64 {
        let documents = self.cut.bytes * 4 / 3 + self.cut.records * DOCUMENT_BYTES;
        match &self.cut.target {
            Target::Object { conversion: Some(conversion), .. } => match conversion.plan.schema {
                // Any of them may fail: as much of that object waits at most.
                CutSchema::Columns(_) => self.cut.bytes + documents.min(PART_BYTES),
                CutSchema::Missing(_) => documents,
            },
            Target::HttpEndpoint { .. } => documents,
            Target::Object { conversion: None, .. } | Target::Transformation => self.cut.bytes,
        }
    }

    /// Whoever fails for one batch of it fails for all. What is no bucket is in capitals, which none has.
    pub fn destination(&self) -> &str {
        match &self.cut.target {
            Target::Object { bucket, .. } => bucket.as_str(),
            Target::HttpEndpoint { bucket, .. } if self.given_up.is_some() => bucket.as_str(),
            Target::HttpEndpoint { .. } => "HTTP",
            Target::Transformation => "LAMBDA",
        }
    }
}

/// A batch that is posted or transformed and could not be, for a reason of ours.
struct SetBack {
    backoff: Backoff,
    /// It is not tried before.
    until: Instant,
}

struct Hold {
    backoff: Backoff,
    /// Nobody tries before.
    until: Instant,
    batches: Vec<BatchId>,
}

/// The batches of one stream.
#[derive(Default)]
pub(crate) struct Queue {
    all: BTreeMap<BatchId, Batch>,
    /// Those nobody is at, by the first entry they need.
    ready: BTreeSet<(u64, BatchId)>,
    held: HashMap<String, Hold>,
    set_back: BTreeMap<BatchId, SetBack>,
    /// Those for the HTTP endpoint, in the order they were cut.
    posts: VecDeque<BatchId>,
    /// Somebody is at them.
    posting: bool,
    /// Where the records begin of batches that were transformed, and the entry that what became of them ends with.
    transformed: Vec<(u64, Sequence)>,
    /// One of those that were read together could not be. Each is taken alone from now on, so that it does not keep the others.
    alone: BTreeSet<BatchId>,
    /// Somebody was told that there is something ready, and has not come yet.
    pub told: bool,
}

impl Queue {
    /// Takes a batch in. A destination that failed is not tried before its time.
    pub fn push(&mut self, batch: Batch) {
        match self.held.get_mut(batch.destination()) {
            Some(hold) if hold.until > Instant::now() => hold.batches.push(batch.id),
            Some(_) | None => drop(self.ready.insert((batch.cut.first, batch.id))),
        }
        self.all.insert(batch.id, batch);
    }

    /// Takes a batch in that somebody else was told of.
    pub fn push_apart(&mut self, batch: Batch) {
        self.all.insert(batch.id, batch);
    }

    /// Takes a batch for the HTTP endpoint in. Answers whether somebody has to be told.
    pub fn push_post(&mut self, batch: Batch) -> bool {
        let id = batch.id;
        self.all.insert(id, batch);
        self.post_again(id)
    }

    /// A batch that was set back is posted behind the others. Answers whether somebody has to be told.
    pub fn post_again(&mut self, id: BatchId) -> bool {
        self.posts.push_back(id);
        !std::mem::replace(&mut self.posting, true)
    }

    /// A batch that is posted or transformed could not be, for a reason of ours: it is tried again after a while. Answers how
    /// often that has happened and how long it is, unless the batch is over.
    pub fn set_back(&mut self, id: BatchId, random: &mut dyn Random) -> Option<(u32, Duration)> {
        self.all.get(&id)?;
        let now = Instant::now();
        let set_back = self.set_back.entry(id).or_insert(SetBack { backoff: Backoff::default(), until: now });
        let wait = set_back.backoff.handle_failure(random);
        set_back.until = now + wait;
        Some((set_back.backoff.failures(), wait))
    }

    /// The next batch for the HTTP endpoint. When there is none, whoever is at them is done.
    pub fn next_post(&mut self) -> Option<Batch> {
        while let Some(id) = self.posts.pop_front() {
            if let Some(batch) = self.all.get(&id) {
                return Some(batch.clone());
            }
        }
        self.posting = false;
        None
    }

    /// The endpoint did not take the batch: from now on it is one for an object.
    pub fn give_up(&mut self, id: BatchId, attempts: Attempts) {
        self.set_back.remove(&id);
        if let Some(batch) = self.all.remove(&id) {
            self.push(Batch { given_up: Some(Arc::new(attempts)), ..batch });
        }
    }

    /// The batch, unless it is over.
    pub fn get(&self, id: BatchId) -> Option<&Batch> {
        self.all.get(&id)
    }

    /// If somebody could take a pass: whether its first batch goes elsewhere.
    pub fn is_elsewhere(&self) -> Option<bool> {
        self.ready.iter().find_map(|(_, id)| self.all.get(id)).map(|batch| batch.is_elsewhere)
    }

    /// The oldest batch, with those whose records lie among its own and that go the same way.
    pub fn take_pass(&mut self) -> Vec<Batch> {
        let mut pass: Vec<Batch> = Vec::new();
        let (mut end, mut bytes, mut weight) = (0, 0, 0);
        while let Some((first, id)) = self.ready.first().copied() {
            let Some(batch) = self.all.get(&id) else {
                self.ready.remove(&(first, id));
                continue;
            };
            bytes += if batch.is_elsewhere { batch.outgoing() } else { 0 };
            weight += batch.weight();
            let is_heavy = bytes > PASS_BYTES_MAX || weight > PASS_WEIGHT_MAX;
            let is_alone = pass.iter().any(|one| self.alone.contains(&one.id)) || self.alone.contains(&id);
            let is_full = pass.len() == PASS_BATCHES_MAX || is_heavy || is_alone;
            if pass.first().is_some_and(|one| is_full || first > end || one.is_elsewhere != batch.is_elsewhere) {
                break;
            }
            self.ready.remove(&(first, id));
            end = end.max(batch.cut.last);
            pass.push(batch.clone());
        }
        pass
    }

    /// Batches of one pass could not be read back. Which of them is to blame is not known.
    pub fn take_apart<'a>(&mut self, pass: impl Iterator<Item = &'a Batch>) {
        self.alone.extend(pass.map(|batch| batch.id).filter(|id| self.all.contains_key(id)));
    }

    /// A batch is where it was to go. Its destination works.
    pub fn done(&mut self, id: BatchId) {
        self.set_back.remove(&id);
        self.alone.remove(&id);
        if let Some(batch) = self.all.remove(&id)
            && let Some(hold) = self.held.remove(batch.destination())
        {
            self.ready.extend(hold.batches.iter().filter_map(|id| Some((self.all.get(id)?.cut.first, *id))));
        }
    }

    /// A batch's destination failed: nobody is to try for a while. Answers how often it has failed and how long that is, if
    /// that is news. Nothing is given up while the stream exists.
    pub fn failed(&mut self, id: BatchId, random: &mut dyn Random) -> Option<(u32, Duration)> {
        let batch = self.all.get(&id)?;
        let now = Instant::now();
        let hold = self.held.entry(batch.destination().to_owned()).or_insert(Hold {
            backoff: Backoff::default(),
            until: now,
            batches: Vec::new(),
        });
        hold.batches.push(id);
        if hold.until > now {
            return None;
        }
        let wait = hold.backoff.handle_failure(random);
        hold.until = now + wait;
        Some((hold.backoff.failures(), wait))
    }

    /// Those whose time has come can be tried again.
    pub fn release(&mut self) {
        let now = Instant::now();
        for hold in self.held.values_mut().filter(|hold| hold.until <= now) {
            let again = std::mem::take(&mut hold.batches);
            self.ready.extend(again.iter().filter_map(|id| Some((self.all.get(id)?.cut.first, *id))));
        }
    }

    /// What they all waited for may have come: they can be tried again now.
    pub fn release_all(&mut self) {
        for (_, hold) in self.held.drain() {
            self.ready.extend(hold.batches.iter().filter_map(|id| Some((self.all.get(id)?.cut.first, *id))));
        }
    }

    /// The batch was transformed, and is over once the journal is durable up to `last`: a crash before that finds nothing but
    /// its own records.
    pub fn transformed(&mut self, id: BatchId, last: Sequence) {
        self.set_back.remove(&id);
        self.transformed.extend(self.all.remove(&id).map(|batch| (batch.cut.first, last)));
    }

    /// The first entry of the journal that any of them still needs, when it is durable up to `durable`.
    pub fn first(&mut self, durable: Sequence) -> Option<u64> {
        self.transformed.retain(|(_, last)| *last > durable);
        let transformed = self.transformed.iter().map(|(first, _)| *first);
        self.all.values().map(|batch| batch.cut.first).chain(transformed).min()
    }

    /// All of them, by the order they were cut in.
    pub fn batches(&self) -> impl DoubleEndedIterator<Item = &Batch> {
        self.all.values()
    }

    /// Destinations that failed and are not tried before: how long, and how many batches wait for it.
    pub fn held(&self) -> impl Iterator<Item = (&str, Duration, usize)> {
        let now = Instant::now();
        let held = self.held.iter().filter(|(_, hold)| !hold.batches.is_empty());
        let held = held.map(|(destination, hold)| (destination.as_str(), hold.until, hold.batches.len()));
        let mut apart: BTreeMap<&str, (Instant, usize)> = BTreeMap::new();
        for (id, SetBack { until, .. }) in self.set_back.iter().filter(|(_, set_back)| set_back.until > now) {
            let Some(batch) = self.all.get(id) else { continue };
            let (first, count) = apart.entry(batch.destination()).or_insert((*until, 0));
            *first = (*first).min(*until);
            *count += 1;
        }
        let apart = apart.into_iter().map(|(destination, (first, count))| (destination, first, count));
        held.chain(apart)
            .map(move |(destination, until, count)| (destination, until.saturating_duration_since(now), count))
    }

    /// Nothing of it is wanted any more.
    pub fn clear(&mut self) {
        *self = Self { told: self.told, posting: self.posting, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use sekisho_delivery::{Compression, StreamId};
    use sekisho_types::{BucketName, Timestamp};

    use super::*;

    fn batch(id: u64, first: u64, last: u64, bucket: &str) -> Batch {
        let cut = CutEntry {
            stream: StreamId(1),
            partition: None,
            first,
            last,
            records: 1,
            bytes: 1,
            oldest: Timestamp::from_millis(0),
            target: Target::Object {
                bucket: BucketName::parse(bucket).unwrap(),
                key: id.to_string(),
                compression: Compression::Gzip,
                kms_key_arn: None,
                conversion: None,
            },
        };
        let is_elsewhere = bucket == "far";
        Batch { id: BatchId(id), cut: Arc::new(cut), runs: [(first, last)].into(), is_elsewhere, given_up: None }
    }

    fn transformation(id: u64) -> Batch {
        let mut batch = batch(id, id, id, "lake");
        Arc::make_mut(&mut batch.cut).target = Target::Transformation;
        batch
    }

    fn posted(id: u64) -> Batch {
        let mut batch = batch(id, 1, 10, "lake");
        let Target::Object { bucket, key, compression, .. } = batch.cut.target.clone() else { unreachable!() };
        let target = Target::HttpEndpoint { bucket, key, compression, kms_key_arn: None };
        let cut = Arc::make_mut(&mut batch.cut);
        (cut.first, cut.last, cut.target) = (id, id, target);
        batch
    }

    fn attempts() -> Attempts {
        let failure = sekisho_delivery::EndpointFailure::timed_out();
        Attempts { made: 3, ended: Timestamp::from_millis(0), failure }
    }

    fn ids(pass: &[Batch]) -> Vec<u64> {
        pass.iter().map(|batch| batch.id.0).collect()
    }

    fn fail(queue: &mut Queue, id: u64) -> Option<(u32, Duration)> {
        queue.failed(BatchId(id), &mut |out: &mut [u8]| out.fill(0))
    }

    #[tokio::test(start_paused = true)]
    async fn what_goes_elsewhere_is_bounded_in_memory() {
        let mut queue = Queue::default();
        for id in 1..=5 {
            let mut batch = batch(id, 1, 10, if id < 5 { "far" } else { "lake" });
            Arc::make_mut(&mut batch.cut).bytes = 30 * 1024 * 1024;
            queue.push(batch);
        }
        assert_eq!(queue.is_elsewhere(), Some(true));
        assert_eq!([ids(&queue.take_pass()), ids(&queue.take_pass())], [[1, 2], [3, 4]]);
        assert_eq!(queue.is_elsewhere(), Some(false));
        assert_eq!(ids(&queue.take_pass()), [5]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_given_up_weighs_as_its_documents_do() {
        let mut queue = Queue::default();
        for id in 1..=3 {
            let mut batch = posted(id);
            batch.is_elsewhere = true;
            let cut = Arc::make_mut(&mut batch.cut);
            (cut.first, cut.last, cut.records) = (1, 10, 20_000);
            queue.push_post(batch);
            queue.give_up(BatchId(id), attempts());
        }
        assert_eq!([ids(&queue.take_pass()), ids(&queue.take_pass())], [vec![1, 2], vec![3]]);
    }

    #[tokio::test(start_paused = true)]
    async fn posts_go_in_their_order_and_become_objects_when_given_up() {
        let mut queue = Queue::default();
        let told = [30, 31, 32].map(|id| queue.push_post(posted(id)));
        assert_eq!(told, [true, false, false], "one is at them");
        assert_eq!(queue.next_post().map(|batch| batch.id.0), Some(30));
        assert_eq!(queue.is_elsewhere(), None, "nothing for the flushers yet");
        queue.give_up(BatchId(30), attempts());
        let pass = queue.take_pass();
        assert_eq!((ids(&pass), pass[0].given_up.as_ref().map(|given_up| given_up.made)), (vec![30], Some(3)));
        queue.done(BatchId(31));
        assert_eq!(queue.next_post().map(|batch| batch.id.0), Some(32));
        assert_eq!(queue.first(Sequence(99)), Some(30), "given up is not done");
        assert!(queue.next_post().is_none());
        assert!(queue.push_post(batch(33, 33, 33, "lake")), "nobody is at them any more");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_set_back_waits_longer_each_time_and_is_told_of() {
        let mut queue = Queue::default();
        queue.push_apart(transformation(30));
        let set_back = |queue: &mut Queue| queue.set_back(BatchId(30), &mut |out: &mut [u8]| out.fill(0));
        assert_eq!(set_back(&mut queue), Some((1, Duration::from_millis(425))));
        assert_eq!(set_back(&mut queue), Some((2, Duration::from_millis(850))));
        let held: Vec<_> = queue.held().collect();
        assert_eq!(held, [("LAMBDA", Duration::from_millis(850), 1)]);
        queue.transformed(BatchId(30), Sequence(40));
        assert_eq!(queue.held().count(), 0);
        assert_eq!(set_back(&mut queue), None, "it is over");
    }

    #[test]
    fn a_batch_that_was_transformed_is_needed_until_what_became_of_it_is_durable() {
        let mut queue = Queue::default();
        queue.push_apart(batch(30, 1, 10, "lake"));
        queue.push_apart(batch(31, 11, 20, "lake"));
        queue.transformed(BatchId(30), Sequence(40));
        assert!(queue.get(BatchId(30)).is_none(), "nobody transforms it again");
        assert_eq!(queue.first(Sequence(39)), Some(1));
        assert_eq!(queue.first(Sequence(40)), Some(11));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_takes_what_lies_together() {
        let mut queue = Queue::default();
        [batch(30, 1, 10, "lake"), batch(31, 5, 20, "lake"), batch(32, 11, 12, "lake"), batch(33, 21, 25, "lake")]
            .into_iter()
            .for_each(|batch| queue.push(batch));
        assert_eq!(ids(&queue.take_pass()), [30, 31, 32]);
        assert_eq!(ids(&queue.take_pass()), [33]);
        assert_eq!(queue.is_elsewhere(), None);
        assert_eq!(queue.first(Sequence(99)), Some(1), "taken is not done");
        (30..34).for_each(|id| queue.done(BatchId(id)));
        assert_eq!(queue.first(Sequence(99)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_could_not_be_read_together_are_taken_alone_and_no_others() {
        let mut queue = Queue::default();
        [30, 31].into_iter().for_each(|id| queue.push(batch(id, 1, 10, "lake")));
        let pass = queue.take_pass();
        queue.take_apart(pass.iter());
        [32, 33].into_iter().for_each(|id| queue.push(batch(id, 1, 10, "lake")));
        pass.into_iter().for_each(|batch| queue.push(batch));
        let passes = [(); 3].map(|()| ids(&queue.take_pass()));
        assert_eq!(passes, [vec![30], vec![31], vec![32, 33]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_that_failed_holds_its_batches_and_no_others() {
        let mut queue = Queue::default();
        [batch(1, 1, 1, "lake"), batch(2, 9, 9, "lake")].into_iter().for_each(|batch| queue.push(batch));
        let (first, second) = (queue.take_pass(), queue.take_pass());
        assert_eq!((ids(&first), ids(&second)), (vec![1], vec![2]));
        assert_eq!(fail(&mut queue, 1), Some((1, Duration::from_millis(425))));
        assert_eq!(fail(&mut queue, 2), None, "one failure is news once");
        queue.push(batch(3, 20, 20, "lake"));
        queue.push(batch(4, 30, 30, "pond"));
        assert_eq!(ids(&queue.take_pass()), [4]);
        queue.release();
        assert_eq!(queue.is_elsewhere(), None);
        tokio::time::advance(Duration::from_millis(425)).await;
        queue.release();
        assert_eq!(ids(&queue.take_pass()), [1]);
        assert_eq!(fail(&mut queue, 1), Some((2, Duration::from_millis(850))), "it fails again");
        assert_eq!(ids(&queue.take_pass()), [2], "taken before that");
        queue.done(BatchId(2));
        assert_eq!(ids(&queue.take_pass()), [1], "it works: nobody waits any more");
    }
}
