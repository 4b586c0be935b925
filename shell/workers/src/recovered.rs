//! What the journal holds for delivery streams, folded while it is replayed: records that wait, and cuts whose object may
//! or may not have been written.
use std::collections::{BTreeMap, HashMap};

use sekisho_delivery::{BatchId, Entry, Partition, Pending, StreamId};
use sekisho_journal::Sequence;

use crate::streams::Batch;

/// Entries of streams, folded.
#[derive(Default)]
pub struct Recovered {
    streams: HashMap<StreamId, Stream>,
    unknown: u64,
}

#[derive(Default)]
struct Stream {
    /// By partition as it stands in the journal.
    pending: HashMap<Option<String>, Pending>,
    undelivered: BTreeMap<BatchId, Batch>,
}

impl Recovered {
    /// Takes the next entry of the journal in.
    pub fn handle(&mut self, sequence: Sequence, entry: &[u8]) {
        match Entry::decode(entry) {
            Ok(Entry::Record(record)) => {
                let pending = &mut self.streams.entry(record.stream).or_default().pending;
                let partition = record.partition.map(str::to_owned);
                pending.entry(partition).or_default().push(record.arrival, sequence.0, record.data.len() as u64);
            }
            Ok(Entry::Cut(cut)) => {
                // Records of a batch that was delivered may have been dropped with their segment; the delivery follows then.
                let stream = self.streams.entry(cut.stream).or_default();
                let runs = stream.pending.remove(&cut.partition).unwrap_or_default().runs;
                stream.undelivered.insert(cut.batch, Batch { cut: *cut, runs });
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

    pub(crate) fn take(&mut self, id: StreamId) -> (BTreeMap<Partition, Pending>, BTreeMap<BatchId, Batch>) {
        let stream = self.streams.remove(&id).unwrap_or_default();
        let mut waiting = BTreeMap::new();
        for (text, pending) in stream.pending {
            match Partition::parse(text.as_deref()) {
                Some(partition) => drop(waiting.insert(partition, pending)),
                None => self.unknown += pending.records,
            }
        }
        (waiting, stream.undelivered)
    }
}

#[cfg(test)]
mod tests {
    use sekisho_delivery::{Compression, CutEntry, DeliveredEntry, RecordEntry};
    use sekisho_types::{BucketName, Timestamp};

    use super::*;

    /// A stream's life, one journal entry each; a record is named by its sequence. It has one partition or two.
    enum Step {
        Record(Option<&'static str>),
        Cut(Option<&'static str>),
        Delivered,
    }

    /// What a server would have written to the journal.
    fn journal(steps: &[Step]) -> Vec<Vec<u8>> {
        let stream = StreamId(1);
        let (mut waiting, mut cut, mut entries) = (BTreeMap::<_, Vec<u64>>::new(), Vec::new(), Vec::new());
        for step in steps {
            let sequence = entries.len() as u64 + 1;
            match step {
                Step::Record(partition) => {
                    let mut entry = Vec::new();
                    RecordEntry::encode_head(stream, Timestamp::from_millis(0), None, *partition, &mut entry);
                    entry.extend_from_slice(&sequence.to_le_bytes());
                    waiting.entry(*partition).or_default().push(sequence);
                    entries.push(entry);
                }
                Step::Cut(partition) if waiting.contains_key(partition) => {
                    let records = waiting.remove(partition).unwrap();
                    let entry = CutEntry {
                        stream,
                        batch: BatchId(records[0]),
                        partition: partition.map(str::to_owned),
                        last: *records.last().unwrap(),
                        records: records.len() as u64,
                        bytes: 8 * records.len() as u64,
                        bucket: BucketName::parse("lake").unwrap(),
                        key: format!("batch-{}", records[0]),
                        compression: Compression::Uncompressed,
                        kms_key_arn: None,
                    };
                    cut.push(entry.batch);
                    entries.push(entry.encode());
                }
                Step::Delivered if !cut.is_empty() => {
                    entries.push(DeliveredEntry { stream, batch: cut.remove(0) }.encode());
                }
                Step::Cut(_) | Step::Delivered => {}
            }
        }
        entries
    }

    /// Objects by key with the records in them, after a crash behind `entries` and a recovery that writes what is owed and
    /// then cuts the rest. Objects that were written before the crash are in `lake` already.
    fn finish(entries: &[Vec<u8>], lake: &mut BTreeMap<String, Vec<u64>>) {
        let mut recovered = Recovered::default();
        for (at, entry) in entries.iter().enumerate() {
            recovered.handle(Sequence(at as u64 + 1), entry);
        }
        assert_eq!(recovered.unknown(), 0);
        let (pending, undelivered) = recovered.take(StreamId(1));
        for batch in undelivered.values() {
            let records = records(entries, &batch.runs, batch.cut.partition.as_deref());
            assert_eq!(records.len() as u64, batch.cut.records);
            let before = lake.insert(batch.cut.key.clone(), records.clone());
            assert!(before.is_none_or(|before| before == records), "the same key has the same records");
        }
        for (partition, pending) in pending {
            let partition = partition.to_text();
            lake.insert(format!("rest of {partition:?}"), records(entries, &pending.runs, partition.as_deref()));
        }
    }

    fn records(entries: &[Vec<u8>], runs: &[(u64, u64)], partition: Option<&str>) -> Vec<u64> {
        let within = runs.iter().flat_map(|(first, last)| *first..=*last);
        within
            .filter(|sequence| {
                let entry = Entry::decode(&entries[*sequence as usize - 1]);
                matches!(entry, Ok(Entry::Record(record)) if record.partition == partition)
            })
            .collect()
    }

    #[test]
    fn a_crash_at_any_point_leaves_each_record_in_exactly_one_object() {
        bolero::check!().with_type::<Vec<u8>>().for_each(|bytes| {
            let steps: Vec<Step> = bytes
                .iter()
                .take(40)
                .map(|byte| {
                    let partition = [None, Some("!processing-failed")][usize::from(*byte >= 128)];
                    match byte % 5 {
                        0..=2 => Step::Record(partition),
                        3 => Step::Cut(partition),
                        _ => Step::Delivered,
                    }
                })
                .collect();
            let entries = journal(&steps);
            for crash in 0..=entries.len() {
                // Before the crash, the object of every cut may or may not have been written: both must end well.
                for written in [false, true] {
                    let mut lake = BTreeMap::new();
                    let mut waiting = BTreeMap::<Option<String>, Vec<u64>>::new();
                    for (at, entry) in entries[..crash].iter().enumerate() {
                        match Entry::decode(entry).unwrap() {
                            Entry::Record(record) => {
                                let partition = record.partition.map(str::to_owned);
                                waiting.entry(partition).or_default().push(at as u64 + 1);
                            }
                            Entry::Cut(cut) => {
                                let records = waiting.remove(&cut.partition).unwrap();
                                let delivered = entries[..crash].iter().any(|entry| {
                                    matches!(Entry::decode(entry), Ok(Entry::Delivered(d)) if d.batch == cut.batch)
                                });
                                if written || delivered {
                                    lake.insert(cut.key, records);
                                }
                            }
                            Entry::Delivered(_) => {}
                        }
                    }
                    finish(&entries[..crash], &mut lake);
                    let mut all: Vec<u64> = lake.into_values().flatten().collect();
                    all.sort_unstable();
                    let expected: Vec<u64> = (1..=crash as u64)
                        .filter(|sequence| {
                            matches!(Entry::decode(&entries[*sequence as usize - 1]), Ok(Entry::Record(_)))
                        })
                        .collect();
                    assert_eq!(all, expected, "crash behind entry {crash}, objects written before it: {written}");
                }
            }
        });
    }
}
