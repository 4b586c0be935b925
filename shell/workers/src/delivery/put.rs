//! Records into the journal: what becomes of records that are put, and what is made of a batch.
//!
//! A stream's lock is held while its records are appended, so that memory and journal agree on the order; appending does not
//! wait for the disk.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sekisho_delivery::{
    BatchId, CutReason, Origin, PARTITIONS_MAX, Partition, Processed, RECORD_BYTES_MAX, RecordsWriter, RequestBudget,
    Tally,
};
use sekisho_journal::{ENTRY_BYTES_MAX as JOURNAL_ENTRY_BYTES_MAX, JournalError, Sequence};
use sekisho_kms::KmsError;
use sekisho_types::{DeliveryStreamName, Timestamp};

use super::keys::{Ready, StreamKeys};
use super::streams::{DeliveryStreams, Inner, Live, Named};

/// An entry that has grown this far is written, and the records that came with it go into the next.
const ENTRY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What stands around a record's data in an entry, about.
const RECORD_OVERHEAD_BYTES: usize = 128;
/// How often a data key is asked for: it can be full, or gone again, by the time it is to be used. And then: try again.
const DATA_KEY_ATTEMPTS: usize = 4;

/// Why a record was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The caller's move: there is no such stream.
    #[error("there is no delivery stream `{0}`")]
    NotFound(DeliveryStreamName),
    /// The caller's move: over [`RECORD_BYTES_MAX`].
    #[error("a record has at most {RECORD_BYTES_MAX} bytes")]
    TooLarge,
    /// The caller's move: the stream takes its records from topics, or does not and was to.
    #[error("This operation is not permitted on KinesisStreamAsSource delivery stream type.")]
    Source,
    /// Try again: the disk is behind.
    #[error("the disk is behind; try again")]
    Unavailable,
    /// The caller's move, or whoever keeps the keys': the stream's key cannot be used.
    #[error(transparent)]
    Kms(KmsError),
    /// Nothing can be promised any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What became of records that were taken.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// They are the stream's once the journal is durable up to here.
    pub sequence: Sequence,
    /// Whether the stream's encryption was on.
    pub encrypted: bool,
}

/// A record on its way into a buffer.
#[derive(Clone, Copy)]
pub(crate) struct NewRecord<'a> {
    pub partition: &'a Partition,
    pub arrival: Timestamp,
    pub origin: Option<&'a Origin<'a>>,
    pub parts: &'a [&'a [u8]],
}

/// An entry that grows. What it holds is counted once it is in the journal, and not before: an entry that is refused leaves
/// nothing behind.
struct Growing {
    writer: RecordsWriter,
    /// The buffers its records are in, and how much of each.
    holds: HashMap<Partition, Tally>,
    /// Under a data key of the stream's.
    sealed: bool,
}

impl Growing {
    fn new(writer: RecordsWriter, sealed: bool) -> Self {
        Self { writer, holds: HashMap::new(), sealed }
    }

    fn push(&mut self, keys: &mut StreamKeys, record: &NewRecord<'_>) {
        let NewRecord { partition, arrival, origin, parts } = *record;
        match keys.current().filter(|_| self.sealed) {
            Some(key) => self.writer.push_sealed(key, arrival, origin, partition, parts),
            None => self.writer.push(arrival, origin, partition, parts),
        }
        match self.holds.get_mut(partition) {
            Some(held) => held.count(arrival, record.length()),
            None => self.holds.entry(partition.clone()).or_default().count(arrival, record.length()),
        }
    }

    /// What a buffer will hold once this is in the journal.
    fn with(&self, inner: &Inner, partition: &Partition) -> Tally {
        let there = inner.buffers.get(partition).map_or_else(Tally::default, |pending| pending.held);
        there.plus(self.holds.get(partition).copied().unwrap_or_default())
    }
}

impl NewRecord<'_> {
    fn length(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }
}

impl DeliveryStreams {
    /// Puts a record, given in parts, into a stream; one whose origin names no rule into a stream that takes it from its topic. It is the stream's once the journal is durable up to the sequence, with
    /// everything that its processors made of it. Whether there is room was asked before: see `Gateway::admit`.
    ///
    /// # Errors
    /// [`PutError`].
    pub fn put(
        &self,
        name: &DeliveryStreamName,
        parts: &[&[u8]],
        origin: Option<&Origin<'_>>,
    ) -> Result<Sequence, PutError> {
        let named = self.named(name, parts.iter().map(|part| part.len()).sum())?;
        if named.has_source != origin.is_some_and(|origin| origin.rule.is_empty()) {
            return Err(PutError::Source);
        }
        let arrival = self.state.now();
        let taken = if named.pipeline.is_empty() {
            let record = NewRecord { partition: &Partition::Whole, arrival, origin, parts };
            self.append(&named.live, None, &[record])
        } else {
            let processed = named.pipeline.run(&parts.concat(), arrival, &mut RequestBudget::default());
            self.append_processed(&named.live, &processed, arrival, origin)
        };
        taken.map(|taken| taken.sequence)
    }

    /// Puts records into a stream. What its processors make of them is appended whenever it fills an entry, so that a request
    /// is not in memory unpacked.
    ///
    /// # Errors
    /// [`PutError`]: none of them was taken, or, if what was made of them is more than an entry, not all.
    pub fn put_batch(
        &self,
        name: &DeliveryStreamName,
        records: &[&[u8]],
        origin: Option<&Origin<'_>>,
    ) -> Result<Taken, PutError> {
        // A message is let in before anything is done with it: see `Gateway::admit`.
        if origin.is_none() && !self.state.journal().has_room() {
            return Err(PutError::Unavailable);
        }
        let named = self.named(name, records.iter().map(|record| record.len()).max().unwrap_or(0))?;
        if named.has_source {
            return Err(PutError::Source);
        }
        let arrival = self.state.now();
        if named.pipeline.is_empty() {
            let parts = records.iter().map(std::slice::from_ref);
            let records = parts.map(|parts| NewRecord { partition: &Partition::Whole, arrival, origin, parts });
            return self.append(&named.live, None, &records.collect::<Vec<_>>());
        }
        let (mut budget, mut processed, mut bytes) = (RequestBudget::default(), Vec::new(), 0);
        let mut last = Sequence(0);
        for record in records {
            let more = named.pipeline.run(record, arrival, &mut budget);
            bytes += more.iter().map(|processed| processed.data.len() + RECORD_OVERHEAD_BYTES).sum::<usize>();
            processed.extend(more);
            if bytes >= ENTRY_BYTES_MAX {
                last = self.append_processed(&named.live, &processed, arrival, origin)?.sequence;
                processed.clear();
                bytes = 0;
            }
        }
        let taken = self.append_processed(&named.live, &processed, arrival, origin)?;
        Ok(Taken { sequence: last.max(taken.sequence), ..taken })
    }

    fn named(&self, name: &DeliveryStreamName, longest: usize) -> Result<Named, PutError> {
        if longest > RECORD_BYTES_MAX {
            return Err(PutError::TooLarge);
        }
        self.find(name).ok_or_else(|| PutError::NotFound(name.clone()))
    }

    fn append_processed(
        &self,
        live: &Arc<Live>,
        processed: &[Processed],
        arrival: Timestamp,
        origin: Option<&Origin<'_>>,
    ) -> Result<Taken, PutError> {
        let parts: Vec<&[u8]> = processed.iter().map(|processed| &processed.data[..]).collect();
        let records = processed.iter().zip(&parts).map(|(processed, parts)| NewRecord {
            partition: &processed.partition,
            arrival,
            origin,
            parts: std::slice::from_ref(parts),
        });
        self.append(live, None, &records.collect::<Vec<_>>())
    }

    /// Appends records, in as few entries as can be. Those that were made `of` a batch count together, all or none, and that
    /// batch is over with them.
    pub(crate) fn append(
        &self,
        live: &Arc<Live>,
        of: Option<BatchId>,
        records: &[NewRecord<'_>],
    ) -> Result<Taken, PutError> {
        for _ in 0..DATA_KEY_ATTEMPTS {
            let mut inner = live.lock();
            if inner.gone {
                return Err(PutError::NotFound(inner.config.name.clone()));
            }
            let encrypted = inner.config.encryption.key().is_some();
            if of.is_some_and(|batch| inner.queue.get(batch).is_none()) {
                return Ok(Taken { sequence: Sequence(0), encrypted });
            }
            let sealed = match inner.keys.ready(records.len(), self.state.now()) {
                Ready::Plain => false,
                Ready::Sealed => true,
                Ready::Refused(refusal) => return Err(PutError::Kms(refusal)),
                Ready::NeedsKey => {
                    drop(inner);
                    self.make_data_key(live, records.len())?;
                    continue;
                }
            };
            return Ok(Taken { sequence: self.append_locked(live, &mut inner, of, records, sealed)?, encrypted });
        }
        Err(PutError::Unavailable)
    }

    fn append_locked(
        &self,
        live: &Arc<Live>,
        inner: &mut Inner,
        of: Option<BatchId>,
        records: &[NewRecord<'_>],
        sealed: bool,
    ) -> Result<Sequence, JournalError> {
        let refused = refused(inner, records);
        let instead: HashMap<usize, [&[u8]; 1]> =
            refused.iter().map(|(at, processed)| (*at, [&processed.data[..]])).collect();
        let taken = records.iter().enumerate().map(|(at, record)| match (refused.get(&at), instead.get(&at)) {
            (Some(processed), Some(parts)) => NewRecord { partition: &processed.partition, parts, ..*record },
            (None, _) | (_, None) => *record,
        });
        let substituted: Vec<NewRecord<'_>>;
        let records = if refused.is_empty() {
            records
        } else {
            substituted = taken.collect();
            &substituted
        };
        let last = match of {
            None => self.append_put(live, inner, records, sealed)?,
            Some(batch) => self.append_of(live, inner, batch, records, sealed)?,
        };
        if live.tails.is_watched() {
            records.iter().for_each(|record| live.tails.push(record));
        }
        Ok(last)
    }

    fn append_put(
        &self,
        live: &Arc<Live>,
        inner: &mut Inner,
        records: &[NewRecord<'_>],
        sealed: bool,
    ) -> Result<Sequence, JournalError> {
        let mut entry = Growing::new(RecordsWriter::new(live.id, None, capacity(records)), sealed);
        let mut last = Sequence(0);
        for record in records {
            let partition = record.partition;
            let held = entry.with(inner, partition);
            if inner.limits.cut_before(partition, held, record.length()).is_some() {
                last = last.max(self.write(live, inner, &mut entry)?);
                self.cut(live, inner, partition, CutReason::Size)?;
            }
            entry.push(&mut inner.keys, record);
            let is_cut = inner.limits.cut_after(partition, entry.with(inner, partition)).is_some();
            if is_cut || entry.writer.len() >= ENTRY_BYTES_MAX {
                last = last.max(self.write(live, inner, &mut entry)?);
            }
            if is_cut {
                self.cut(live, inner, partition, CutReason::Size)?;
            }
        }
        Ok(last.max(self.write(live, inner, &mut entry)?))
    }

    /// What was made of a batch is all in the journal before any of it counts; a crash in between leaves the batch as it was.
    fn append_of(
        &self,
        live: &Arc<Live>,
        inner: &mut Inner,
        batch: BatchId,
        records: &[NewRecord<'_>],
        sealed: bool,
    ) -> Result<Sequence, JournalError> {
        self.make_room(live, inner, records)?;
        let mut entries = Vec::new();
        let mut entry = Growing::new(RecordsWriter::new(live.id, Some(batch), capacity(records)), sealed);
        for record in records {
            if entry.writer.len() >= ENTRY_BYTES_MAX {
                let next = Growing::new(RecordsWriter::continuing(live.id, batch, 0), sealed);
                let Growing { writer, holds, .. } = std::mem::replace(&mut entry, next);
                entries.push((writer.finish_before_more(), holds));
            }
            entry.push(&mut inner.keys, record);
        }
        entries.push((entry.writer.finish(), entry.holds));
        // One of them that is refused must not leave those before it in the journal.
        if let Some(bytes) = entries.iter().map(|(entry, _)| entry.len()).find(|bytes| *bytes > JOURNAL_ENTRY_BYTES_MAX)
        {
            return Err(JournalError::TooLarge { bytes });
        }
        let mut appended = Vec::new();
        for (entry, holds) in entries {
            appended.push((self.state.journal().append(&entry)?, holds));
        }
        let mut partitions = BTreeSet::new();
        let mut last = Sequence(0);
        for (sequence, holds) in appended {
            partitions.extend(holds.keys().cloned());
            self.count(inner, sequence, holds, sealed);
            last = sequence;
        }
        inner.queue.transformed(batch, last);
        for partition in partitions {
            if inner.cut_after(&partition).is_some() {
                self.cut(live, inner, &partition, CutReason::Size)?;
            }
        }
        Ok(last)
    }

    /// Records that count together are in one batch: those that wait are cut where they would not fit beside them.
    fn make_room(&self, live: &Arc<Live>, inner: &mut Inner, records: &[NewRecord<'_>]) -> Result<(), JournalError> {
        let mut lengths: HashMap<&Partition, u64> = HashMap::new();
        for record in records {
            *lengths.entry(record.partition).or_default() += record.length();
        }
        for (partition, length) in lengths {
            if inner.cut_before(partition, length).is_some() {
                self.cut(live, inner, partition, CutReason::Size)?;
            }
        }
        Ok(())
    }

    /// Appends what has grown, if anything has.
    fn write(&self, live: &Arc<Live>, inner: &mut Inner, entry: &mut Growing) -> Result<Sequence, JournalError> {
        if entry.holds.is_empty() {
            return Ok(Sequence(0));
        }
        let next = Growing::new(RecordsWriter::new(live.id, None, 0), entry.sealed);
        let Growing { writer, holds, sealed } = std::mem::replace(entry, next);
        let sequence = self.state.journal().append(&writer.finish())?;
        self.count(inner, sequence, holds, sealed);
        Ok(sequence)
    }

    /// An entry is in the journal: from now on its records wait in their buffers.
    fn count(&self, inner: &mut Inner, sequence: Sequence, holds: HashMap<Partition, Tally>, sealed: bool) {
        if sealed {
            inner.keys.wrote(sequence.0);
        }
        for (partition, records) in holds {
            let pending = match inner.buffers.get_mut(&partition) {
                Some(pending) => pending,
                None => {
                    let due = inner.limits.due_at(&partition, records);
                    inner.next_due = Some(inner.next_due.map_or(due, |next| next.min(due)));
                    if due.millis() < self.wakes_at.load(Ordering::Acquire) {
                        self.sooner.notify_one();
                    }
                    inner.buffers.entry(partition).or_default()
                }
            };
            pending.take_in(sequence.0, records);
        }
    }
}

/// Room for records in an entry, so that it does not grow bit by bit.
fn capacity(records: &[NewRecord<'_>]) -> usize {
    let length = records.iter().flat_map(|record| record.parts).map(|part| part.len()).sum::<usize>();
    (length + RECORD_OVERHEAD_BYTES * records.len()).min(2 * ENTRY_BYTES_MAX)
}

/// What becomes of those records, by their places, that would need one partition more than there may be.
fn refused(inner: &Inner, records: &[NewRecord<'_>]) -> HashMap<usize, Processed> {
    let (active, mut new, mut refused) = (inner.buffers.len(), HashSet::new(), HashMap::new());
    if active + records.len() <= PARTITIONS_MAX {
        return refused;
    }
    for (at, record) in records.iter().enumerate() {
        let is_keyed = matches!(record.partition, Partition::Keys(_));
        if !is_keyed || inner.buffers.contains_key(record.partition) || new.contains(record.partition) {
            continue;
        }
        if active + new.len() < PARTITIONS_MAX {
            new.insert(record.partition);
        } else {
            refused.insert(at, Processed::without_partition(&record.parts.concat(), record.arrival));
        }
    }
    refused
}
