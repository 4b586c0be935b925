//! Messages for one endpoint that go there in one request (developer guide, "Batching HTTP action messages").
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

/// Batches that are open. One ends when it is full, or when its time is over.
pub(crate) struct Batches<K, H, E>(Mutex<HashMap<K, Arc<Batch<H, E>>>>);

struct Batch<H, E> {
    inside: Mutex<Inside<H, E>>,
    full: Notify,
}

struct Inside<H, E> {
    bodies: Vec<Bytes>,
    bytes: usize,
    /// What the last that came in brings for all.
    last: H,
    told: Vec<oneshot::Sender<Result<(), Arc<E>>>>,
}

/// When a batch ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub after: Duration,
    pub messages: usize,
    pub bytes: usize,
}

/// What somebody who came is to do.
pub(crate) enum Joined<H, E> {
    /// To wait for what became of the batch.
    Waits(oneshot::Receiver<Result<(), Arc<E>>>),
    /// To send it once it has ended, and to tell the others.
    Leads(Leader<H, E>),
}

/// A batch, for who sends it.
pub(crate) struct Leader<H, E>(Arc<Batch<H, E>>);

impl<K, H, E> Default for Batches<K, H, E> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, H, E> Batches<K, H, E> {
    fn open(&self) -> MutexGuard<'_, HashMap<K, Arc<Batch<H, E>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more body, of JSON.
    pub(crate) fn join(&self, key: &K, body: Bytes, brings: H, ends: Ends) -> Joined<H, E> {
        let mut open = self.open();
        if let Some(batch) = open.get(key).cloned() {
            let mut inside = batch.inside();
            // The array's brackets, and a comma each.
            if inside.bytes + body.len() < ends.bytes {
                let (tell, told) = oneshot::channel();
                inside.bytes += body.len() + 1;
                inside.bodies.push(body);
                inside.last = brings;
                inside.told.push(tell);
                if inside.bodies.len() >= ends.messages {
                    open.remove(key);
                    batch.full.notify_one();
                }
                return Joined::Waits(told);
            }
            drop(inside);
            open.remove(key);
            batch.full.notify_one();
        }
        let bytes = body.len() + 2;
        let inside = Mutex::new(Inside { bodies: vec![body], bytes, last: brings, told: Vec::new() });
        let batch = Arc::new(Batch { inside, full: Notify::new() });
        open.insert(key.clone(), batch.clone());
        Joined::Leads(Leader(batch))
    }

    /// Waits until a batch has ended: its array, and what its last member brought.
    pub(crate) async fn ended(&self, key: &K, leader: &Leader<H, E>, ends: Ends) -> (Bytes, H)
    where
        H: Clone,
    {
        let _ = tokio::time::timeout(ends.after, leader.0.full.notified()).await;
        let mut open = self.open();
        if open.get(key).is_some_and(|batch| Arc::ptr_eq(batch, &leader.0)) {
            open.remove(key);
        }
        drop(open);
        let inside = leader.0.inside();
        (array(&inside.bodies), inside.last.clone())
    }
}

impl<H, E> Batch<H, E> {
    fn inside(&self) -> MutexGuard<'_, Inside<H, E>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H, E> Leader<H, E> {
    /// What became of it.
    pub(crate) fn tell(&self, outcome: Result<(), E>) -> Result<(), Arc<E>> {
        let outcome = outcome.map_err(Arc::new);
        for told in self.0.inside().told.drain(..) {
            let _ = told.send(outcome.clone()); // who has gone wants to know nothing
        }
        outcome
    }
}

fn array(bodies: &[Bytes]) -> Bytes {
    let mut array = Vec::with_capacity(bodies.iter().map(|body| body.len() + 1).sum::<usize>() + 1);
    for (at, body) in bodies.iter().enumerate() {
        array.push(if at == 0 { b'[' } else { b',' });
        array.extend_from_slice(body);
    }
    array.push(b']');
    array.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends = Ends { after: Duration::from_millis(200), messages: 3, bytes: 20 };

    type Of = Batches<&'static str, u8, String>;

    fn leads(joined: Joined<u8, String>) -> Leader<u8, String> {
        let Joined::Leads(leader) = joined else { panic!("somebody leads already") };
        leader
    }

    fn waits(joined: Joined<u8, String>) -> oneshot::Receiver<Result<(), Arc<String>>> {
        let Joined::Waits(told) = joined else { panic!("nobody leads") };
        told
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_ends_when_it_is_full_or_its_time_is_over() {
        let all = Of::default();
        let join = |key, body: &'static str, brings| all.join(&key, Bytes::from_static(body.as_bytes()), brings, ENDS);
        let first = leads(join("a", "1", 1));
        let (second, other) = (waits(join("a", "2", 2)), leads(join("b", "7", 7)));
        let third = waits(join("a", "3", 3));
        let begun = tokio::time::Instant::now();
        assert_eq!(all.ended(&"a", &first, ENDS).await, (Bytes::from_static(b"[1,2,3]"), 3));
        assert_eq!(begun.elapsed(), Duration::ZERO, "it is full");
        assert_eq!(first.tell(Err("no".into())), Err(Arc::new("no".into())));
        assert_eq!((second.await, third.await), (Ok(Err(Arc::new("no".into()))), Ok(Err(Arc::new("no".into())))));
        assert_eq!(all.ended(&"b", &other, ENDS).await, (Bytes::from_static(b"[7]"), 7));
        assert_eq!(begun.elapsed(), ENDS.after, "nobody came");

        let long = leads(join("a", "\"ten bytes\"", 1));
        let next = leads(join("a", "\"ten bytes\"", 2));
        assert_eq!(all.ended(&"a", &long, ENDS).await.0, "[\"ten bytes\"]");
        let late = waits(join("a", "9", 3));
        assert_eq!(all.ended(&"a", &next, ENDS).await, (Bytes::from_static(b"[\"ten bytes\",9]"), 3));
        drop(next);
        assert!(late.await.is_err(), "who leads is gone");
        assert!(all.open().is_empty());
    }
}
