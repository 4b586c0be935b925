//! Entries made, and followed when they are read back.
use crate::link::{Hash, Link};
use crate::record::Dropped;

/// How an entry begins that says that others went.
const DROPPED: &[u8] = br#"{"kind":"dropped""#;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of the oldest entry there is.
    pub first: u64,
    /// The newest.
    pub head: Link,
    /// How many.
    pub entries: u64,
    /// Up to which entry the record itself says that the oldest went.
    pub dropped: u64,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// An entry does not hold the hash of the one before it.
    #[error("entry {number} does not follow the one before it: the record was changed")]
    Broken {
        /// Which.
        number: u64,
    },
    /// The oldest entries are not there, and the record does not say that they went.
    #[error("the entries before {first} are missing, and did not go for age")]
    Beheaded {
        /// The oldest there is.
        first: u64,
    },
}

/// A chain as far as it was read or written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chain {
    read: Option<Verified>,
}

impl Chain {
    /// Takes the next entry of those there are, in order; answers it and its record. The oldest may be any.
    ///
    /// # Errors
    /// [`ChainError::Broken`]; nothing after it means anything.
    pub fn follow<'a>(&mut self, number: u64, entry: &'a [u8]) -> Result<(Link, &'a [u8]), ChainError> {
        let before = self.read.map_or((number == 1).then_some(Hash::NOTHING), |read| Some(read.head.hash));
        let record = Hash::split(entry).filter(|(holds, _)| before.is_none_or(|before| *holds == before));
        let (_, record) = record.ok_or(ChainError::Broken { number })?;
        let head = Link { number, hash: Hash::of(entry) };
        let (first, entries, dropped) =
            self.read.map_or((number, 1, 0), |read| (read.first, read.entries + 1, read.dropped));
        let says = record.starts_with(DROPPED).then(|| serde_json::from_slice::<Dropped>(record).ok()).flatten();
        let dropped = says.map_or(dropped, |says| dropped.max(says.up_to));
        self.read = Some(Verified { first, head, entries, dropped });
        Ok((head, record))
    }

    /// What was read, if there was anything, where the whole record was meant to be.
    ///
    /// # Errors
    /// [`ChainError::Beheaded`].
    pub fn whole(&self) -> Result<Option<Verified>, ChainError> {
        match self.read {
            Some(Verified { first, dropped, .. }) if dropped + 1 < first => Err(ChainError::Beheaded { first }),
            read => Ok(read),
        }
    }

    /// The newest entry; before the first, its number is 0.
    pub fn head(&self) -> Link {
        self.read.map_or(Link { number: 0, hash: Hash::NOTHING }, |read| read.head)
    }
}

impl Link {
    /// The entry that follows this one and holds `record`.
    pub fn entry(&self, record: &[u8]) -> Vec<u8> {
        self.hash.entry(record)
    }

    /// The link of an entry.
    pub fn of(number: u64, entry: &[u8]) -> Self {
        Self { number, hash: Hash::of(entry) }
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::Timestamp;

    use super::*;
    use crate::record::Record;

    fn entries(count: u64) -> Vec<Vec<u8>> {
        let (mut head, mut entries) = (Chain::default().head(), Vec::new());
        for number in 1..=count {
            let record = Record::Dropped(Dropped { time: Timestamp::from_seconds(0), up_to: number / 2 });
            let entry = head.entry(&record.encode());
            head = Link::of(number, &entry);
            entries.push(entry);
        }
        entries
    }

    /// Reads entries that begin with number `first`.
    fn read(first: u64, entries: &[Vec<u8>]) -> Result<Option<Verified>, ChainError> {
        let mut chain = Chain::default();
        for (number, entry) in (first..).zip(entries) {
            chain.follow(number, entry)?;
        }
        chain.whole()
    }

    #[test]
    fn an_entry_changed_left_out_put_in_or_moved_breaks_the_chain_or_changes_its_head() {
        let all = entries(4);
        let head = read(1, &all).unwrap().unwrap().head;
        assert_eq!((head.number, read(1, &[]).unwrap()), (4, None));
        let with = |change: fn(&mut Vec<Vec<u8>>)| {
            let mut changed = entries(4);
            change(&mut changed);
            read(1, &changed)
        };
        assert_eq!(with(|all| all[0].push(b' ')), Err(ChainError::Broken { number: 2 }));
        assert_eq!(with(|all| drop(all.remove(1))), Err(ChainError::Broken { number: 2 }));
        assert_eq!(with(|all| all.insert(2, all[1].clone())), Err(ChainError::Broken { number: 3 }));
        assert_eq!(with(|all| all.swap(0, 1)), Err(ChainError::Broken { number: 1 }));
        assert_eq!(with(|all| all[1] = b"short".to_vec()), Err(ChainError::Broken { number: 2 }));
        assert_ne!(with(|all| all[3].push(b' ')).unwrap().unwrap().head, head, "only who noted the head knows");
    }

    #[test]
    fn the_oldest_are_gone_only_if_the_record_says_so() {
        let all = entries(6); // the last says that three went
        assert_eq!(read(4, &all[3..]).map(|read| read.map(|read| (read.first, read.dropped))), Ok(Some((4, 3))));
        assert_eq!(read(5, &all[4..]), Err(ChainError::Beheaded { first: 5 }));
    }
}
