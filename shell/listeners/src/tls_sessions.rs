//! TLS sessions kept for resumption: as many as there is room for, each found, taken and dropped in no time however many there are. (The
//! library's own store looks through all of them for each that is taken.)
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::server::StoresServerSessions;

/// Bytes of a session that is kept, most of which is the client's chain: 80 MB a port at worst, twice that where ALPN chooses. And then:
/// it is not kept, and the next handshake is a full one.
const SESSION_BYTES_MAX: usize = 4 * 1024;

/// Keeps sessions of at most [`SESSION_BYTES_MAX`].
#[derive(Debug)]
pub(crate) struct Sessions {
    kept: Mutex<Kept>,
    /// And then: the oldest must do a full handshake.
    most: usize,
}

#[derive(Debug, Default)]
struct Kept {
    /// With the number under which it came.
    sessions: HashMap<Vec<u8>, (u64, Vec<u8>)>,
    by_age: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl Kept {
    fn take(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let (number, session) = self.sessions.remove(key)?;
        self.by_age.remove(&number);
        Some(session)
    }
}

impl Sessions {
    /// None yet.
    pub(crate) fn new(most: usize) -> Self {
        Self { kept: Mutex::default(), most }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, session: Vec<u8>) -> bool {
        if session.len() > SESSION_BYTES_MAX {
            return false;
        }
        let mut kept = self.kept();
        kept.take(&key);
        let number = kept.next;
        kept.next += 1;
        kept.by_age.insert(number, key.clone());
        kept.sessions.insert(key, (number, session));
        if kept.sessions.len() > self.most
            && let Some((_, oldest)) = kept.by_age.pop_first()
        {
            kept.sessions.remove(&oldest);
        }
        true
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().sessions.get(key).map(|(_, session)| session.clone())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept().take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_small_sessions_are_kept() {
        let sessions = Sessions::new(4);
        assert!(sessions.put(vec![1], vec![0; SESSION_BYTES_MAX]));
        assert!(!sessions.put(vec![2], vec![0; SESSION_BYTES_MAX + 1]));
        assert!(sessions.get(&[1]).is_some() && sessions.get(&[2]).is_none());
    }

    #[test]
    fn the_oldest_go_and_one_is_taken_once() {
        let sessions = Sessions::new(3);
        for n in [1, 2, 3, 1, 4] {
            assert!(sessions.put(vec![n], vec![n]));
        }
        let found = |n| sessions.get(&[n]).is_some();
        assert_eq!([1, 2, 3, 4].map(found), [true, false, true, true], "2 is the oldest: 1 came again");
        assert_eq!(sessions.take(&[3]), Some(vec![3]));
        assert_eq!(sessions.take(&[3]), None);
        assert!(sessions.put(vec![5], vec![5]), "there is room");
        assert_eq!([1, 4, 5].map(found), [true, true, true]);
        let kept = sessions.kept();
        assert_eq!((kept.sessions.len(), kept.by_age.len()), (3, 3));
    }
}
