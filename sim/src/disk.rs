//! A journal whose entries are durable once it was synced, and of whose rest a crash leaves a beginning.
use sekisho_gate::Sequence;
use sekisho_sessions::{Event, Sessions};

use crate::random::Random;

/// The journal, and the last snapshot.
#[derive(Debug, Default)]
pub struct Disk {
    /// Each with the events of one commit.
    entries: Vec<String>,
    /// Entries before the first one here are in the snapshot.
    dropped: u64,
    snapshot: Vec<Event>,
    durable: u64,
}

impl Disk {
    /// Adds an entry; its place.
    pub fn append(&mut self, events: &[Event]) -> Sequence {
        self.entries.push(serde_json::to_string(events).expect("events serialize"));
        self.last()
    }

    /// The place of the last entry.
    pub fn last(&self) -> Sequence {
        Sequence(self.dropped + self.entries.len() as u64)
    }

    /// Everything so far is durable.
    pub fn sync(&mut self) -> Sequence {
        self.durable = self.last().0;
        self.durable()
    }

    /// Up to here it is.
    pub fn durable(&self) -> Sequence {
        Sequence(self.durable)
    }

    /// Replaces the entries by a snapshot of what they fold to; all of them are durable.
    pub fn compact(&mut self, sessions: &Sessions) {
        assert_eq!(self.durable, self.last().0);
        // As it is read back.
        let json = serde_json::to_string(&sessions.snapshot()).expect("events serialize");
        self.snapshot = serde_json::from_str(&json).expect("and are read again");
        self.dropped = self.last().0;
        self.entries.clear();
    }

    /// The power goes: of what was not synced, a beginning stays.
    pub fn crash(&mut self, random: &mut Random) {
        let synced = (self.durable - self.dropped) as usize;
        let torn = random.below((self.entries.len() - synced) as u64 + 1) as usize;
        self.entries.truncate(synced + torn);
        self.durable = self.last().0;
    }

    /// What it all folds to.
    pub fn fold(&self) -> Sessions {
        let mut sessions = Sessions::default();
        self.snapshot.iter().for_each(|event| sessions.apply(event));
        for entry in &self.entries {
            let events: Vec<Event> = serde_json::from_str(entry).expect("what was written is read");
            events.iter().for_each(|event| sessions.apply(event));
        }
        sessions
    }
}
