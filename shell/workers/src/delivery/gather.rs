//! The records of batches, read back from the journal: each block is opened once, however many batches have records in it.
use std::collections::HashMap;

use sekisho_delivery::RecordEntry;
use sekisho_journal::Journal;

use super::keys::Opener;
use super::queue::Batch;
use super::sink::FlushError;
use super::streams::Live;

/// Hands over every record of the batches, which are one stream's, with the batch's place among them. Answers which of the
/// batches hold a record that does not open now. Blocks the thread.
///
/// # Errors
/// [`FlushError::Journal`], [`FlushError::Incomplete`].
pub(crate) fn gather(
    journal: &Journal,
    live: &Live,
    opener: &mut Opener,
    batches: &[Batch],
    visit: &mut dyn FnMut(usize, &RecordEntry<'_>),
) -> Result<Vec<Option<FlushError>>, FlushError> {
    let mut unread: Vec<Option<FlushError>> = batches.iter().map(|_| None).collect();
    let mut by_partition: HashMap<Option<&str>, Vec<usize>> = HashMap::new();
    for (at, batch) in batches.iter().enumerate() {
        by_partition.entry(batch.cut.partition.as_deref()).or_default().push(at);
    }
    let mut found = vec![0; batches.len()];
    for (first, last) in union(batches) {
        journal.read(first..=last, &mut |sequence, entry| {
            let Some(entry) = live.entry(sequence, entry) else { return };
            for record in entry.records() {
                let Some(of_partition) = by_partition.get(&record.partition) else { continue };
                let holds = |at: &&usize| (batches[**at].cut.first..=batches[**at].cut.last).contains(&sequence.0);
                if let Some(at) = of_partition.iter().find(holds) {
                    found[*at] += 1;
                    match opener.open(&record) {
                        Ok(data) => visit(*at, &RecordEntry { data: &data, seal: None, ..record }),
                        Err(error) => drop(unread[*at].get_or_insert(error)),
                    }
                }
            }
        })?;
    }
    for (batch, found) in batches.iter().zip(found) {
        if found != batch.cut.records {
            return Err(FlushError::Incomplete { found, expected: batch.cut.records });
        }
    }
    Ok(unread)
}

/// Where any of them has records, ascending.
fn union(batches: &[Batch]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = batches.iter().flat_map(|batch| batch.runs.iter().copied()).collect();
    runs.sort_unstable();
    let mut union: Vec<(u64, u64)> = Vec::with_capacity(runs.len());
    for (first, last) in runs {
        match union.last_mut() {
            Some((_, end)) if first <= *end => *end = last.max(*end),
            _ => union.push((first, last)),
        }
    }
    union
}
