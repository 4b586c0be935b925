//! Which journal entries are the state's: those whose first byte is [`STATE`]. The rest are the delivery streams'
//! (`docs/format/record.md`). A commit's events are one entry, so that all of them survive or none.
use crate::Event;

/// First byte of an entry that holds events.
pub(crate) const STATE: u8 = 0;

pub(crate) fn encode(events: &[Event]) -> Vec<u8> {
    let mut entry = vec![STATE];
    serde_json::to_writer(&mut entry, events).expect("events serialize into memory");
    entry
}

/// Events of a snapshot, gathered into entries of about this many bytes: a snapshot's entry must be read again like any other.
const SNAPSHOT_ENTRY_BYTES: usize = 256 * 1024;

/// The entries of a snapshot. One event alone is never larger than an entry may be: it was one when it was journaled, or is a
/// portion of what was.
pub(crate) fn snapshot(events: Vec<Event>) -> impl Iterator<Item = Vec<u8>> {
    let mut events = events.into_iter().peekable();
    std::iter::from_fn(move || {
        events.peek()?;
        let mut entry = vec![STATE, b'['];
        while entry.len() < SNAPSHOT_ENTRY_BYTES {
            let Some(event) = events.next() else { break };
            if entry.len() > 2 {
                entry.push(b',');
            }
            serde_json::to_writer(&mut entry, &event).expect("events serialize into memory");
        }
        entry.push(b']');
        Some(entry)
    })
}

pub(crate) fn is_state(entry: &[u8]) -> bool {
    entry.first() == Some(&STATE)
}

/// The events of `entry` if it is the state's.
pub(crate) fn decode(entry: &[u8]) -> Option<Result<Vec<Event>, serde_json::Error>> {
    entry.strip_prefix(&[STATE]).map(serde_json::from_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_cut_by_bytes_and_says_what_its_events_said() {
        let event = |n: usize| {
            let tags = [("k".to_owned(), "v".repeat(n % 5_000))].into();
            Event::from(sekisho_registry::Event::Tagged { arn: format!("arn:{n}"), tags })
        };
        let events: Vec<Event> = (0..2_000).map(event).collect();
        let entries: Vec<_> = snapshot(events.clone()).collect();
        assert!(entries.len() > 5 && entries.iter().all(|entry| entry.len() < SNAPSHOT_ENTRY_BYTES + 8 * 1024));
        let read: Vec<Event> = entries.iter().flat_map(|entry| decode(entry).unwrap().unwrap()).collect();
        assert_eq!(read, events);
        assert_eq!(snapshot(Vec::new()).count(), 0);
    }
}
