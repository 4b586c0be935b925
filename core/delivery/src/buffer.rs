//! What waits in a stream, and when it is cut (Firehose developer guide, "Buffering hints": whichever comes first).
//!
//! Size is honoured to the byte: a record that would take the batch over it goes into the next one, and a batch that
//! reaches it is cut. The interval is counted from the arrival of the oldest record.
use std::time::Duration;

use sekisho_types::Timestamp;

use crate::BufferingHints;

/// Sequences of other streams in between that are read along rather than remembered apart.
const GAP_MAX: u64 = 256;
/// Runs remembered of a batch. And then: the two nearest neighbours at the end become one, and more is read along.
const RUNS_MAX: usize = 4096;

/// Why a batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutReason {
    /// SizeInMBs.
    Size,
    /// IntervalInSeconds.
    Interval,
}

/// The records that wait: where they are, not what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// When the oldest came.
    pub oldest: Timestamp,
    /// Sequences, both ends included, ascending; entries of others may lie in between.
    pub runs: Vec<(u64, u64)>,
}

impl Pending {
    /// Takes a record in. Sequences ascend.
    pub fn push(&mut self, arrival: Timestamp, sequence: u64, length: u64) {
        if self.records == 0 {
            self.oldest = arrival;
        }
        self.records += 1;
        self.bytes += length;
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

/// What [`Buffer::poll_timeout`] waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Nothing: there is no record.
    Forever,
    /// The interval's end.
    Until(Timestamp),
}

/// A stream's buffer.
#[derive(Clone, Debug)]
pub struct Buffer {
    hints: BufferingHints,
    pending: Pending,
}

impl Buffer {
    /// An empty one.
    pub fn new(hints: BufferingHints) -> Self {
        Self { hints, pending: Pending::default() }
    }

    /// One that held something before a restart.
    pub fn with_pending(hints: BufferingHints, pending: Pending) -> Self {
        Self { hints, pending }
    }

    /// Other hints from now on.
    pub fn set_hints(&mut self, hints: BufferingHints) {
        self.hints = hints;
    }

    /// What waits.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// Whether the batch must be cut before a record of `length` bytes is taken in.
    pub fn cut_before(&self, length: u64) -> Option<CutReason> {
        let over = self.pending.records > 0 && self.pending.bytes + length > self.hints.size_bytes();
        over.then_some(CutReason::Size)
    }

    /// A record was taken in; whether the batch must be cut now.
    pub fn handle_record(&mut self, arrival: Timestamp, sequence: u64, length: u64) -> Option<CutReason> {
        self.pending.push(arrival, sequence, length);
        (self.pending.bytes >= self.hints.size_bytes()).then_some(CutReason::Size)
    }

    /// Whether the batch must be cut because of the time.
    pub fn handle_timeout(&self, now: Timestamp) -> Option<CutReason> {
        match self.poll_timeout() {
            Wait::Until(end) if now >= end => Some(CutReason::Interval),
            Wait::Until(_) | Wait::Forever => None,
        }
    }

    /// When [`Buffer::handle_timeout`] is to be called.
    pub fn poll_timeout(&self) -> Wait {
        let interval = Duration::from_secs(u64::from(self.hints.interval_in_seconds));
        if self.pending.records == 0 { Wait::Forever } else { Wait::Until(self.pending.oldest.plus(interval)) }
    }

    /// Takes everything that waits out.
    pub fn cut(&mut self) -> Pending {
        std::mem::take(&mut self.pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn buffer(size_in_mbs: u32, interval_in_seconds: u32) -> Buffer {
        Buffer::new(BufferingHints { size_in_mbs, interval_in_seconds })
    }

    #[test]
    fn size_to_the_byte() {
        let mut buffer = buffer(1, 900);
        assert_eq!(buffer.cut_before(2 * MIB), None, "a record alone is a batch, whatever its size");
        assert_eq!(buffer.handle_record(at(0), 1, MIB - 1), None);
        assert_eq!(buffer.cut_before(1), None);
        assert_eq!(buffer.cut_before(2), Some(CutReason::Size));
        assert_eq!(buffer.handle_record(at(0), 2, 1), Some(CutReason::Size));
        assert_eq!(buffer.cut().bytes, MIB);
        assert_eq!(buffer.poll_timeout(), Wait::Forever);
    }

    #[test]
    fn interval_to_the_millisecond_from_the_oldest() {
        let mut buffer = buffer(5, 60);
        assert_eq!(buffer.handle_timeout(at(1_000_000)), None);
        buffer.handle_record(at(1_000), 1, 10);
        buffer.handle_record(at(50_000), 2, 10);
        assert_eq!(buffer.poll_timeout(), Wait::Until(at(61_000)));
        assert_eq!(buffer.handle_timeout(at(60_999)), None);
        assert_eq!(buffer.handle_timeout(at(61_000)), Some(CutReason::Interval));
    }

    #[test]
    fn interval_zero_cuts_at_once() {
        let mut buffer = buffer(5, 0);
        buffer.handle_record(at(7), 1, 10);
        assert_eq!(buffer.handle_timeout(at(7)), Some(CutReason::Interval));
    }

    #[test]
    fn runs_stay_few_and_hold_every_sequence() {
        let mut pending = Pending::default();
        let sequences: Vec<u64> = (0..20_000u64).map(|n| n * 300 + 1).collect();
        sequences.iter().for_each(|sequence| pending.push(at(0), *sequence, 1));
        assert!(pending.runs.len() <= RUNS_MAX);
        assert!(sequences.iter().all(|s| pending.runs.iter().any(|(first, last)| (first..=last).contains(&s))));
        assert!(pending.runs.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let mut dense = Pending::default();
        (1..1000).for_each(|sequence| dense.push(at(0), sequence * 2, 1));
        assert_eq!(dense.runs, [(2, 1998)]);
    }
}
