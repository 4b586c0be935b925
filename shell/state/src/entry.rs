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

pub(crate) fn is_state(entry: &[u8]) -> bool {
    entry.first() == Some(&STATE)
}

/// The events of `entry` if it is the state's.
pub(crate) fn decode(entry: &[u8]) -> Option<Result<Vec<Event>, serde_json::Error>> {
    entry.strip_prefix(&[STATE]).map(serde_json::from_slice)
}
