//! What the journal holds for delivery streams, folded while it is replayed: records that wait, and cuts whose batches may
//! or may not be where they were to go.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sekisho_delivery::{BatchId, Entry, Partition, Pending, RecordsEntry, StreamId, Tally};
use sekisho_journal::Sequence;

use super::queue::Batch;

/// Entries of streams, folded.
#[derive(Default)]
pub struct Recovered {
    streams: HashMap<StreamId, Stream>,
    unknown: u64,
}

#[derive(Default)]
struct Stream {
    /// By partition as it stands in the journal.
    pending: HashMap<Option<Box<str>>, Pending>,
    undelivered: BTreeMap<BatchId, Batch>,
    /// Entries of what was made of a batch whose last has not come yet, and how much of each partition they hold.
    begun: Vec<(u64, Tallies)>,
    void: BTreeSet<u64>,
}

type Tallies = HashMap<Option<Box<str>>, Tally>;

/// What the journal holds for one stream.
#[derive(Default)]
pub(super) struct Found {
    /// Records that wait.
    pub pending: HashMap<Partition, Pending>,
    /// Batches that may not be where they were to go.
    pub undelivered: Vec<Batch>,
    /// Entries of what was made of a batch that a crash came before the last of: what they hold is not there.
    pub void: BTreeSet<u64>,
}

impl Stream {
    fn take_in(&mut self, sequence: Sequence, records: &RecordsEntry<'_>) {
        if !records.continues {
            self.end_begun();
        }
        self.begun.push((sequence.0, tallies(records)));
        if records.more_follows {
            return;
        }
        for (sequence, tallies) in std::mem::take(&mut self.begun) {
            for (partition, records) in tallies {
                self.pending.entry(partition).or_default().take_in(sequence, records);
            }
        }
        if let Some(batch) = records.of {
            self.undelivered.remove(&batch);
        }
    }

    /// The last of what was begun will not come.
    fn end_begun(&mut self) {
        self.void.extend(self.begun.drain(..).map(|(sequence, _)| sequence));
    }
}

impl Recovered {
    /// Takes the next entry of the journal in.
    pub fn handle(&mut self, sequence: Sequence, entry: &[u8]) {
        match Entry::decode(entry) {
            Ok(Entry::Records(records)) => {
                self.streams.entry(records.stream).or_default().take_in(sequence, &records);
            }
            Ok(Entry::Cut(cut)) => {
                // Records of a batch that was delivered may have been dropped with their segment; the delivery follows then.
                let stream = self.streams.entry(cut.stream).or_default();
                stream.end_begun();
                let partition = cut.partition.as_deref().map(Into::into);
                let runs = stream.pending.remove(&partition).unwrap_or_default().runs.into();
                let id = BatchId(sequence.0);
                stream
                    .undelivered
                    .insert(id, Batch { id, cut: Arc::new(*cut), runs, is_elsewhere: false, given_up: None });
            }
            Ok(Entry::Delivered(delivered)) => {
                if let Some(stream) = self.streams.get_mut(&delivered.stream) {
                    stream.undelivered.remove(&delivered.batch);
                }
            }
            Ok(Entry::GivenUp(given_up)) => {
                let stream = self.streams.get_mut(&given_up.stream);
                if let Some(batch) = stream.and_then(|stream| stream.undelivered.get_mut(&given_up.batch)) {
                    batch.given_up = Some(Arc::new(given_up.attempts));
                }
            }
            Err(_) => self.unknown += 1,
        }
    }

    /// Entries of a later version.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    pub(super) fn take(&mut self, id: StreamId) -> Found {
        let mut stream = self.streams.remove(&id).unwrap_or_default();
        stream.end_begun();
        let mut found =
            Found { undelivered: stream.undelivered.into_values().collect(), void: stream.void, ..Found::default() };
        for (text, pending) in stream.pending {
            match Partition::parse(text.as_deref()) {
                Some(partition) => drop(found.pending.insert(partition, pending)),
                None => self.unknown += pending.held.records,
            }
        }
        found
    }
}

/// How much of each partition an entry holds.
fn tallies(entry: &RecordsEntry<'_>) -> Tallies {
    let mut tallies: HashMap<Option<&str>, Tally> = HashMap::new();
    for record in entry.records() {
        tallies.entry(record.partition).or_default().count(record.arrival, record.length() as u64);
    }
    tallies.into_iter().map(|(partition, records)| (partition.map(Into::into), records)).collect()
}

#[cfg(test)]
mod tests {
    use sekisho_delivery::{Compression, CutEntry, DeliveredEntry, RecordsWriter, Target};
    use sekisho_types::{BucketName, Timestamp};

    use super::*;

    const STREAM: StreamId = StreamId(1);
    const PARTITIONS: [Partition; 2] = [Partition::Whole, Partition::Untransformed];

    /// A stream's life; each step is a journal entry. A record is named by a number that its transformation keeps.
    enum Step {
        /// Records of one entry, each by its partition's place in [`PARTITIONS`].
        Records(Vec<usize>),
        Cut(usize),
        /// The oldest batch that is not where it is to go gets there: an object is written, a batch is transformed.
        Done,
        /// What the oldest batch is transformed into, in this many entries, all but the last: a crash came.
        Torn(usize),
    }

    #[derive(Default)]
    struct Life {
        entries: Vec<Vec<u8>>,
        waiting: [Vec<(u64, u64)>; 2],
        cut: Vec<(BatchId, usize, Vec<u64>)>,
        put: u64,
    }

    impl Life {
        fn step(&mut self, step: &Step) {
            let sequence = self.entries.len() as u64 + 1;
            match step {
                Step::Records(partitions) => {
                    let mut entry = RecordsWriter::new(STREAM, None, 0);
                    for partition in partitions {
                        self.put += 1;
                        entry.push(
                            Timestamp::from_millis(0),
                            None,
                            &PARTITIONS[*partition],
                            &[&self.put.to_le_bytes()],
                        );
                        self.waiting[*partition].push((sequence, self.put));
                    }
                    self.entries.push(entry.finish());
                }
                Step::Cut(partition) if !self.waiting[*partition].is_empty() => {
                    let records = std::mem::take(&mut self.waiting[*partition]);
                    let object = Target::Object {
                        bucket: BucketName::parse("lake").unwrap(),
                        key: format!("cut-{sequence}"),
                        compression: Compression::Uncompressed,
                        kms_key_arn: None,
                        conversion: None,
                    };
                    let cut = CutEntry {
                        stream: STREAM,
                        partition: PARTITIONS[*partition].to_text().map(Into::into),
                        first: records[0].0,
                        last: records[records.len() - 1].0,
                        records: records.len() as u64,
                        bytes: 8 * records.len() as u64,
                        oldest: Timestamp::from_millis(0),
                        target: if *partition == 0 { object } else { Target::Transformation },
                    };
                    self.entries.push(cut.encode());
                    self.cut.push((BatchId(sequence), *partition, records.iter().map(|(_, name)| *name).collect()));
                }
                Step::Done if !self.cut.is_empty() => {
                    let (batch, partition, records) = self.cut.remove(0);
                    if partition == 0 {
                        self.entries.push(DeliveredEntry { stream: STREAM, batch }.encode());
                        return;
                    }
                    // An entry a record, each of which could be the last that a crash left.
                    self.entries.extend(made(batch, &records, records.len()));
                    self.waiting[0].extend((sequence..).zip(records));
                }
                Step::Torn(entries) => {
                    if let Some((batch, 1, records)) = self.cut.first() {
                        let mut made = made(*batch, records, *entries);
                        made.pop();
                        self.entries.extend(made);
                    }
                }
                Step::Cut(_) | Step::Done => {}
            }
        }
    }

    /// What was made of a batch's records, in at most this many entries.
    fn made(batch: BatchId, records: &[u64], entries: usize) -> Vec<Vec<u8>> {
        let chunks: Vec<&[u64]> = records.chunks(records.len().div_ceil(entries)).collect();
        let write = |(at, names): (usize, &&[u64])| {
            let mut entry = match at {
                0 => RecordsWriter::new(STREAM, Some(batch), 0),
                _ => RecordsWriter::continuing(STREAM, batch, 0),
            };
            for name in *names {
                entry.push(Timestamp::from_millis(0), None, &Partition::Whole, &[&name.to_le_bytes()]);
            }
            if at + 1 == chunks.len() { entry.finish() } else { entry.finish_before_more() }
        };
        chunks.iter().enumerate().map(write).collect()
    }

    fn names(entries: &[Vec<u8>], void: &BTreeSet<u64>, runs: &[(u64, u64)], partition: Option<&str>) -> Vec<u64> {
        let within = runs.iter().flat_map(|(first, last)| *first..=*last).filter(|sequence| !void.contains(sequence));
        let entries = within.filter_map(|sequence| RecordsEntry::of_stream(&entries[sequence as usize - 1], STREAM));
        let records = entries.flat_map(|entry| entry.records().collect::<Vec<_>>());
        let of_partition = records.filter(|record| record.partition == partition);
        of_partition.map(|record| u64::from_le_bytes(record.data.try_into().unwrap())).collect()
    }

    /// Everything a server that starts over `entries` holds or owes. Objects written before are in `lake` already.
    fn recover(entries: &[Vec<u8>], lake: &mut BTreeMap<String, Vec<u64>>) {
        let mut recovered = Recovered::default();
        for (at, entry) in entries.iter().enumerate() {
            recovered.handle(Sequence(at as u64 + 1), entry);
        }
        assert_eq!(recovered.unknown(), 0);
        let Found { pending, undelivered, void } = recovered.take(STREAM);
        for batch in undelivered {
            let found = names(entries, &void, &batch.runs, batch.cut.partition.as_deref());
            assert_eq!(found.len() as u64, batch.cut.records);
            let key = match &batch.cut.target {
                Target::Object { key, .. } | Target::HttpEndpoint { key, .. } => key.clone(),
                Target::Transformation => format!("transformation of {:?}", batch.id),
            };
            let before = lake.insert(key, found.clone());
            assert!(before.is_none_or(|before| before == found), "the same key has the same records");
        }
        for (partition, pending) in pending {
            let text = partition.to_text();
            let found = names(entries, &void, &pending.runs, text.as_deref());
            assert_eq!(found.len() as u64, pending.held.records);
            lake.insert(format!("rest of {partition:?}"), found);
        }
    }

    #[test]
    fn a_crash_at_any_point_leaves_each_record_in_exactly_one_place() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let mut life = Life::default();
            // Behind each entry: what had been put, and the objects that may have been written though nobody noted it yet.
            let mut crashes = Vec::new();
            let mut objects = BTreeMap::new();
            for byte in bytes.iter().take(60) {
                let partition = usize::from(*byte >= 128);
                let before = (life.put, objects.clone(), life.cut.clone());
                let first = life.entries.len() + 1;
                life.step(&match byte % 8 {
                    0 => Step::Records(vec![partition]),
                    1 => Step::Records(vec![partition, 1 - partition, partition]),
                    2 | 3 => Step::Cut(partition),
                    4 => Step::Torn(2 + usize::from(byte / 64)),
                    _ => Step::Done,
                });
                for (batch, _, records) in life.cut.iter().filter(|(_, partition, _)| *partition == 0) {
                    objects.insert(format!("cut-{}", batch.0), records.clone());
                }
                // Between the entries of one step all is as it was before it.
                crashes.extend((first..life.entries.len()).map(|crash| (crash, before.clone())));
                crashes.push((life.entries.len(), (life.put, objects.clone(), life.cut.clone())));
            }
            for (crash, (put, objects, undelivered)) in crashes {
                for written in [false, true] {
                    let is_noted =
                        |key: &String| !undelivered.iter().any(|(batch, ..)| *key == format!("cut-{}", batch.0));
                    let mut lake = objects.clone();
                    lake.retain(|key, _| written || is_noted(key));
                    recover(&life.entries[..crash], &mut lake);
                    let mut all: Vec<u64> = lake.into_values().flatten().collect();
                    all.sort_unstable();
                    assert!(
                        all.into_iter().eq(1..=put),
                        "crash behind entry {crash}, objects written before it: {written}"
                    );
                }
            }
        });
    }
}
