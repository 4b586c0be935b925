//! What waits in a buffer, and when it is cut (Firehose developer guide, "Buffering hints": whichever comes first).
//!
//! Size is honoured to the byte: a record that would take the batch over it goes into the next one, and a batch that
//! reaches it is cut. The interval is counted from the arrival of the oldest record. Partitions by keys wait up to half of it
//! longer, for each other ("up to 1.5 times", Firehose developer guide, "Dynamic partitioning"): then those of a stream are
//! cut together, and their records are read from the journal in one pass.
use std::time::Duration;

use sekisho_types::Timestamp;

use crate::{BufferingHints, Destination, Partition, Pipeline};

/// Sequences of other streams in between that are read along rather than remembered apart.
const GAP_MAX: u64 = 256;
/// Runs remembered of a batch. And then: the two nearest neighbours at the end become one, and more is read along.
const RUNS_MAX: usize = 4096;

/// Records of a batch: what counts each of them, the endpoint's request and the documents of the error output, is bounded by it.
/// Only of records below 32 bytes are there more in the largest SizeInMBs. And then: the batch is cut.
const BATCH_RECORDS_MAX: u64 = 4 * 1024 * 1024;

/// Why a batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutReason {
    /// SizeInMBs, or as many records as a batch has at most.
    Size,
    /// IntervalInSeconds.
    Interval,
    /// Somebody asked.
    Flush,
}

/// How much some records are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// When the oldest came.
    pub oldest: Timestamp,
}

impl Tally {
    /// Counts a record.
    pub fn count(&mut self, arrival: Timestamp, length: u64) {
        *self = self.plus(Self { records: 1, bytes: length, oldest: arrival });
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        let oldest = match (self.records, other.records) {
            (0, _) => other.oldest,
            (_, 0) => self.oldest,
            (_, _) => self.oldest.min(other.oldest),
        };
        Self { records: self.records + other.records, bytes: self.bytes + other.bytes, oldest }
    }
}

/// The records that wait: where they are, not what they hold. Each of them is in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How much they are.
    pub held: Tally,
    /// Sequences of the entries they are in, both ends included, ascending; entries of others may lie in between.
    pub runs: Vec<(u64, u64)>,
}

impl Pending {
    /// Takes in the records of an entry. Sequences ascend.
    pub fn take_in(&mut self, sequence: u64, records: Tally) {
        self.held = self.held.plus(records);
        let full = self.runs.len() >= RUNS_MAX;
        match self.runs.last_mut() {
            Some((_, end)) if full || sequence - *end <= GAP_MAX => *end = sequence,
            _ => self.runs.push((sequence, sequence)),
        }
    }

    /// The first sequence, if there is a record.
    pub fn first(&self) -> Option<u64> {
        self.runs.first().map(|(first, _)| *first)
    }

    /// The last sequence, if there is a record.
    pub fn last(&self) -> Option<u64> {
        self.runs.last().map(|(_, last)| *last)
    }
}

/// When a buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes of data.
    pub size_bytes: u64,
    /// Records.
    pub records: u64,
    /// From the oldest record's arrival.
    pub interval: Duration,
}

impl From<BufferingHints> for Limit {
    fn from(hints: BufferingHints) -> Self {
        let interval = Duration::from_secs(u64::from(hints.interval_in_seconds));
        Self { size_bytes: hints.size_bytes(), records: BATCH_RECORDS_MAX, interval }
    }
}

/// When the buffers of a stream are full.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    objects: Limit,
    transformation: Limit,
    backup: Limit,
}

impl Limits {
    /// As its destination says.
    pub fn new(destination: &Destination, pipeline: &Pipeline) -> Self {
        let objects = destination.buffering_hints.into();
        Self {
            objects,
            transformation: pipeline.lambda().map_or(objects, |lambda| lambda.limit),
            backup: destination.backup.as_ref().map_or(objects, |backup| backup.buffering_hints.into()),
        }
    }

    fn of(&self, partition: &Partition) -> Limit {
        match partition {
            Partition::Whole | Partition::Keys(_) | Partition::Errors(_) => self.objects,
            Partition::Untransformed => self.transformation,
            Partition::Backup => self.backup,
        }
    }

    /// What waits is due before this is over.
    pub fn longest_wait(&self) -> Duration {
        let longest = [self.objects, self.transformation, self.backup].map(|limit| limit.interval).into_iter().max();
        longest.unwrap_or_default() * 3 / 2 + CLOCK_SLACK
    }

    /// Whether what waits must be cut before `length` more bytes are taken in.
    pub fn cut_before(&self, partition: &Partition, held: Tally, length: u64) -> Option<CutReason> {
        let Limit { size_bytes, records, .. } = self.of(partition);
        let over = held.bytes + length > size_bytes || held.records >= records;
        (held.records > 0 && over).then_some(CutReason::Size)
    }

    /// Whether what waits must be cut now because of its size.
    pub fn cut_after(&self, partition: &Partition, held: Tally) -> Option<CutReason> {
        let Limit { size_bytes, records, .. } = self.of(partition);
        let full = held.bytes >= size_bytes || held.records >= records;
        (held.records > 0 && full).then_some(CutReason::Size)
    }

    /// When what waits must be cut at the latest.
    pub fn due_at(&self, partition: &Partition, held: Tally) -> Timestamp {
        let Limit { interval, .. } = self.of(partition);
        let end = held.oldest.plus(interval);
        let step = (interval / 2).as_millis() as i64;
        match partition {
            Partition::Keys(_) if step > 0 => {
                Timestamp::from_millis(end.millis().saturating_add(step - 1).div_euclid(step) * step)
            }
            _ => end,
        }
    }

    /// Whether what waits must be cut because of the time: it is due, or the clock was set back behind its arrival.
    pub fn is_due(&self, partition: &Partition, held: Tally, now: Timestamp) -> bool {
        now >= self.due_at(partition, held) || held.oldest > now.plus(CLOCK_SLACK)
    }
}

/// Records that come from further in the future than this show that the clock was set back.
const CLOCK_SLACK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn limits(size_in_mbs: u32, interval_in_seconds: u32) -> Limits {
        let limit = BufferingHints { size_in_mbs, interval_in_seconds }.into();
        Limits { objects: limit, transformation: limit, backup: limit }
    }

    const WHOLE: &Partition = &Partition::Whole;

    #[test]
    fn size_to_the_byte() {
        let limits = limits(1, 900);
        let mut held = Tally::default();
        assert_eq!(limits.cut_before(WHOLE, held, 2 * MIB), None, "a record alone is a batch, whatever its size");
        held.count(at(0), MIB - 1);
        assert_eq!(limits.cut_after(WHOLE, held), None);
        assert_eq!(limits.cut_before(WHOLE, held, 1), None);
        assert_eq!(limits.cut_before(WHOLE, held, 2), Some(CutReason::Size));
        held.count(at(0), 1);
        assert_eq!(limits.cut_after(WHOLE, held), Some(CutReason::Size));
    }

    #[test]
    fn records_that_weigh_nothing_fill_a_batch_too() {
        let limits = limits(128, 900);
        let mut held = Tally { records: BATCH_RECORDS_MAX - 1, ..Tally::default() };
        assert_eq!((limits.cut_before(WHOLE, held, 0), limits.cut_after(WHOLE, held)), (None, None));
        held.count(at(0), 0);
        assert_eq!(limits.cut_after(WHOLE, held), Some(CutReason::Size));
        assert_eq!(limits.cut_before(WHOLE, held, 0), Some(CutReason::Size));
    }

    #[test]
    fn interval_to_the_millisecond_from_the_oldest() {
        let limits = limits(5, 60);
        let mut held = Tally::default();
        held.count(at(1_000), 10);
        held.count(at(50_000), 10);
        assert_eq!(limits.due_at(WHOLE, held), at(61_000));
        assert!(!limits.is_due(WHOLE, held, at(60_999)));
        assert!(limits.is_due(WHOLE, held, at(61_000)));
        assert!(limits.is_due(WHOLE, held, at(-1)), "the clock was set back");
    }

    #[test]
    fn partitions_by_keys_wait_for_each_other_up_to_half_the_interval() {
        let (limits, keys) = (limits(64, 60), Partition::Keys("{}".into()));
        for arrival in [1, 29_999, 30_000, 30_001, 59_999, 1_783_951_445_678] {
            let mut held = Tally::default();
            held.count(at(arrival), 10);
            let due = limits.due_at(&keys, held).millis();
            assert!((arrival + 60_000..arrival + 90_000).contains(&due) && due % 30_000 == 0, "{arrival} {due}");
        }
    }

    #[test]
    fn interval_zero_cuts_at_once() {
        let mut held = Tally::default();
        held.count(at(7), 10);
        for partition in [Partition::Whole, Partition::Keys("{}".into())] {
            assert!(limits(64, 0).is_due(&partition, held, at(7)));
        }
    }

    #[test]
    fn runs_stay_few_and_hold_every_sequence() {
        let mut pending = Pending::default();
        let one = Tally { records: 1, bytes: 1, oldest: at(0) };
        let sequences: Vec<u64> = (0..20_000u64).map(|n| n * 300 + 1).collect();
        sequences.iter().for_each(|sequence| pending.take_in(*sequence, one));
        assert!(pending.runs.len() <= RUNS_MAX);
        assert!(sequences.iter().all(|s| pending.runs.iter().any(|(first, last)| (first..=last).contains(&s))));
        assert!(pending.runs.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let mut dense = Pending::default();
        (1..1000).for_each(|sequence| dense.take_in(sequence * 2, one));
        assert_eq!(dense.runs, [(2, 1998)]);
    }
}
