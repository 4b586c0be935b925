//! Batches of a stream that are cut and not yet where they go: which are next, and which wait because their destination failed.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use sekisho_delivery::{BatchId, CutEntry, Target};
use sekisho_journal::Sequence;
use tokio::time::Instant;

/// Batches of one stream gathered in one pass over the journal. Each holds a compressor and a few chunks of its object in
/// memory. And then: the rest waits for the next pass.
const PASS_BATCHES_MAX: usize = 64;
/// The first wait after a failure; it doubles up to [`RETRY_MAX`]. Nothing is given up while the stream exists.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// A batch that is not where it is to go yet.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub id: BatchId,
    pub cut: Arc<CutEntry>,
    /// Where its records are.
    pub runs: Arc<[(u64, u64)]>,
}

impl Batch {
    /// The cut has to be durable before anything is done with it.
    pub fn after(&self) -> Sequence {
        Sequence(self.id.0)
    }

    /// Whoever fails for one batch of it fails for all.
    fn destination(&self) -> String {
        match &self.cut.target {
            Target::Object { bucket, .. } => bucket.to_string(),
            Target::Transformation => String::new(),
        }
    }
}

struct Hold {
    wait: Duration,
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
    /// A pass takes one batch only.
    pub alone: bool,
    /// Somebody was told that there is something ready, and has not come yet.
    pub told: bool,
}

impl Queue {
    /// Takes a batch in. A destination that failed is not tried before its time.
    pub fn push(&mut self, batch: Batch) {
        match self.held.get_mut(&batch.destination()) {
            Some(hold) if hold.until > Instant::now() => hold.batches.push(batch.id),
            Some(_) | None => drop(self.ready.insert((batch.cut.first, batch.id))),
        }
        self.all.insert(batch.id, batch);
    }

    /// Takes a batch in that somebody else was told of.
    pub fn push_apart(&mut self, batch: Batch) {
        self.all.insert(batch.id, batch);
    }

    /// The batch, unless it is over.
    pub fn get(&self, id: BatchId) -> Option<&Batch> {
        self.all.get(&id)
    }

    /// Whether somebody could take a pass.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The oldest batch, with those whose records lie among its own.
    pub fn take_pass(&mut self) -> Vec<Batch> {
        let mut pass: Vec<Batch> = Vec::new();
        let mut end = 0;
        while let Some((first, id)) = self.ready.first().copied() {
            let is_full = pass.len() == PASS_BATCHES_MAX || (self.alone && pass.len() == 1);
            if is_full || (!pass.is_empty() && first > end) {
                break;
            }
            self.ready.remove(&(first, id));
            if let Some(batch) = self.all.get(&id) {
                end = end.max(batch.cut.last);
                pass.push(batch.clone());
            }
        }
        pass
    }

    /// A batch is where it was to go. Its destination works.
    pub fn done(&mut self, id: BatchId) {
        if let Some(batch) = self.all.remove(&id)
            && let Some(hold) = self.held.remove(&batch.destination())
        {
            self.ready.extend(hold.batches.iter().filter_map(|id| Some((self.all.get(id)?.cut.first, *id))));
        }
    }

    /// A batch's destination failed. Answers how long nobody is to try, if that is news.
    pub fn failed(&mut self, id: BatchId) -> Option<Duration> {
        let batch = self.all.get(&id)?;
        let now = Instant::now();
        let hold = self.held.entry(batch.destination()).or_insert(Hold {
            wait: RETRY_MIN / 2,
            until: now,
            batches: Vec::new(),
        });
        hold.batches.push(id);
        let news = hold.until <= now;
        if news {
            hold.wait = (hold.wait * 2).min(RETRY_MAX);
            hold.until = now + hold.wait;
        }
        news.then_some(hold.wait)
    }

    /// Those whose time has come can be tried again.
    pub fn release(&mut self) {
        let now = Instant::now();
        for hold in self.held.values_mut().filter(|hold| hold.until <= now) {
            let again = std::mem::take(&mut hold.batches);
            self.ready.extend(again.iter().filter_map(|id| Some((self.all.get(id)?.cut.first, *id))));
        }
    }

    /// The first entry of the journal that any of them still needs.
    pub fn first(&self) -> Option<u64> {
        self.all.values().map(|batch| batch.cut.first).min()
    }

    /// Nothing of it is wanted any more.
    pub fn clear(&mut self) {
        *self = Self { told: self.told, ..Self::default() };
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
            },
        };
        Batch { id: BatchId(id), cut: Arc::new(cut), runs: [(first, last)].into() }
    }

    fn ids(pass: &[Batch]) -> Vec<u64> {
        pass.iter().map(|batch| batch.id.0).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pass_takes_what_lies_together() {
        let mut queue = Queue::default();
        [batch(30, 1, 10, "lake"), batch(31, 5, 20, "lake"), batch(32, 11, 12, "lake"), batch(33, 21, 25, "lake")]
            .into_iter()
            .for_each(|batch| queue.push(batch));
        assert_eq!(ids(&queue.take_pass()), [30, 31, 32]);
        assert_eq!(ids(&queue.take_pass()), [33]);
        assert!(!queue.is_ready());
        assert_eq!(queue.first(), Some(1), "taken is not done");
        (30..34).for_each(|id| queue.done(BatchId(id)));
        assert_eq!(queue.first(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_that_failed_holds_its_batches_and_no_others() {
        let mut queue = Queue::default();
        [batch(1, 1, 1, "lake"), batch(2, 9, 9, "lake")].into_iter().for_each(|batch| queue.push(batch));
        let (first, second) = (queue.take_pass(), queue.take_pass());
        assert_eq!((ids(&first), ids(&second)), (vec![1], vec![2]));
        assert_eq!(queue.failed(BatchId(1)), Some(RETRY_MIN));
        assert_eq!(queue.failed(BatchId(2)), None, "one failure is news once");
        queue.push(batch(3, 20, 20, "lake"));
        queue.push(batch(4, 30, 30, "pond"));
        assert_eq!(ids(&queue.take_pass()), [4]);
        queue.release();
        assert!(!queue.is_ready());
        tokio::time::advance(RETRY_MIN).await;
        queue.release();
        assert_eq!(ids(&queue.take_pass()), [1]);
        assert_eq!(queue.failed(BatchId(1)), Some(RETRY_MIN * 2), "it fails again");
        assert_eq!(ids(&queue.take_pass()), [2], "taken before that");
        queue.done(BatchId(2));
        assert_eq!(ids(&queue.take_pass()), [1], "it works: nobody waits any more");
    }
}
