//! What the journal holds for delivery streams, folded while it is replayed: records that wait, and cuts whose batches may
//! or may not be where they were to go.
use std::collections::{BTreeMap, HashMap};
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
}

impl Recovered {
    /// Takes the next entry of the journal in.
    pub fn handle(&mut self, sequence: Sequence, entry: &[u8]) {
        match Entry::decode(entry) {
            Ok(Entry::Records(records)) => {
                let stream = self.streams.entry(records.stream).or_default();
                for (partition, held) in tallies(&records) {
                    stream.pending.entry(partition.map(Into::into)).or_default().take_in(sequence.0, held);
                }
                if let Some(batch) = records.of {
                    stream.undelivered.remove(&batch);
                }
            }
            Ok(Entry::Cut(cut)) => {
                // Records of a batch that was delivered may have been dropped with their segment; the delivery follows then.
                let stream = self.streams.entry(cut.stream).or_default();
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
            Err(_) => self.unknown += 1,
        }
    }

    /// Entries of a later version.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    pub(super) fn take(&mut self, id: StreamId) -> (HashMap<Partition, Pending>, Vec<Batch>) {
        let stream = self.streams.remove(&id).unwrap_or_default();
        let mut waiting = HashMap::new();
        for (text, pending) in stream.pending {
            match Partition::parse(text.as_deref()) {
                Some(partition) => drop(waiting.insert(partition, pending)),
                None => self.unknown += pending.held.records,
            }
        }
        (waiting, stream.undelivered.into_values().collect())
    }
}

/// How much of each partition an entry holds.
fn tallies<'a>(entry: &RecordsEntry<'a>) -> HashMap<Option<&'a str>, Tally> {
    let mut tallies: HashMap<Option<&str>, Tally> = HashMap::new();
    for record in entry.records() {
        tallies.entry(record.partition).or_default().count(record.arrival, record.length() as u64);
    }
    tallies
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
                    let mut entry = RecordsWriter::new(STREAM, Some(batch), 0);
                    for name in records {
                        entry.push(Timestamp::from_millis(0), None, &Partition::Whole, &[&name.to_le_bytes()]);
                        self.waiting[0].push((sequence, name));
                    }
                    self.entries.push(entry.finish());
                }
                Step::Cut(_) | Step::Done => {}
            }
        }
    }

    fn names(entries: &[Vec<u8>], runs: &[(u64, u64)], partition: Option<&str>) -> Vec<u64> {
        let within = runs.iter().flat_map(|(first, last)| *first..=*last);
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
        let (pending, undelivered) = recovered.take(STREAM);
        for batch in undelivered {
            let found = names(entries, &batch.runs, batch.cut.partition.as_deref());
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
            let found = names(entries, &pending.runs, text.as_deref());
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
                life.step(&match byte % 6 {
                    0 => Step::Records(vec![partition]),
                    1 => Step::Records(vec![partition, 1 - partition, partition]),
                    2 | 3 => Step::Cut(partition),
                    _ => Step::Done,
                });
                for (batch, _, records) in life.cut.iter().filter(|(_, partition, _)| *partition == 0) {
                    objects.insert(format!("cut-{}", batch.0), records.clone());
                }
                crashes.push((life.entries.len(), life.put, objects.clone(), life.cut.clone()));
            }
            for (crash, put, objects, undelivered) in crashes {
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
