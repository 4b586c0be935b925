//! What the server tells of itself: messages that wait until what they tell of is durable, and are published in order.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_types::TopicName;
use serde_json::Value;
use tokio::sync::Notify;

use crate::gateway::Gateway;

/// Messages that wait to be told. And then: requests for shadows are refused until some are, and a device sends its own again;
/// events, which nobody has asked for, are dropped and counted.
const WAITING_MAX: usize = 16 * 1024;
/// The same in bytes; one request's may come on top.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long to wait when a rule cannot take a message because the disk is behind.
const PAUSE: Duration = Duration::from_millis(50);

/// What is told, as soon as it is durable.
#[derive(Default)]
pub(crate) struct Tidings {
    queue: Mutex<Queue>,
    arrived: Notify,
}

/// What waits.
#[derive(Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Tiding>,
    bytes: usize,
}

struct Tiding {
    owed: Sequence,
    topic: String,
    payload: Bytes,
}

/// A turn at the queue; whoever publishes is woken when it ends.
pub(crate) struct Turn<'a> {
    queue: MutexGuard<'a, Queue>,
    arrived: &'a Notify,
}

impl std::ops::Deref for Turn<'_> {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl std::ops::DerefMut for Turn<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.arrived.notify_one();
    }
}

impl Queue {
    /// One more, to be told once `owed` is durable.
    pub(crate) fn add(&mut self, owed: Sequence, topic: String, document: &Value) {
        let payload = Bytes::from(document.to_string());
        self.bytes += payload.len();
        self.waiting.push_back(Tiding { owed, topic, payload });
    }
}

impl Tidings {
    /// Held while something changes, so that what is told is in the order of what happened. `None` if too much waits already.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        Some(self.turn_of_admitted()).filter(|turn| turn.waiting.len() < WAITING_MAX && turn.bytes < WAITING_BYTES_MAX)
    }

    /// The same for who asked whether there is room before it began, and goes on.
    pub(crate) fn turn_of_admitted(&self) -> Turn<'_> {
        Turn { queue: self.queue.lock().unwrap_or_else(PoisonError::into_inner), arrived: &self.arrived }
    }

    /// An event, which is dropped and counted if there is no room for it.
    pub(crate) fn tell(&self, owed: Sequence, topic: String, document: &Value) {
        match self.turn() {
            Some(mut queue) => queue.add(owed, topic, document),
            None => metrics::counter!("sekisho_events_dropped_total").increment(1),
        }
    }

    fn take(&self) -> Option<Tiding> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let tiding = queue.waiting.pop_front()?;
        queue.bytes -= tiding.payload.len();
        if queue.waiting.is_empty() {
            queue.waiting = VecDeque::new();
        }
        Some(tiding)
    }
}

/// Tells whoever listens of shadows and of events, each in order and as soon as it is durable, until the journal stops.
pub async fn run_tidings(gateway: Arc<Gateway>) {
    let shadows = tokio::spawn(publish(gateway.clone(), |gateway| &gateway.shadow_tidings));
    let events = tokio::spawn(publish(gateway, |gateway| &gateway.events));
    let _ = tokio::join!(shadows, events);
}

async fn publish(gateway: Arc<Gateway>, which: fn(&Gateway) -> &Tidings) {
    let tidings = which(&gateway);
    loop {
        let Some(Tiding { owed, topic, payload }) = tidings.take() else {
            tidings.arrived.notified().await;
            continue;
        };
        if gateway.state.journal().wait_durable(owed).await.is_err() {
            return; // nobody was promised anything
        }
        let Ok(topic) = TopicName::parse(&topic) else { continue }; // names of things make topics; a client id may not
        // A rule that cannot take it now takes it later; who asks meanwhile is pushed back.
        while let Err(Refusal::NoRoom | Refusal::QuotaExceeded | Refusal::ServerUnavailable) =
            gateway.publish_service(&topic, &payload)
        {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_in_order_and_bounded() {
        let tidings = Tidings::default();
        let add = |owed: u64, bytes: usize| {
            let turn = tidings.turn();
            let there_is_room = turn.is_some();
            turn.into_iter().for_each(|mut queue| {
                queue.add(Sequence(owed), format!("t/{owed}"), &Value::String("x".repeat(bytes)));
            });
            there_is_room
        };
        for owed in 0..WAITING_MAX as u64 {
            assert!(add(owed, 0));
        }
        assert!(!add(1, 0), "one more");
        let told: Vec<u64> = std::iter::from_fn(|| tidings.take()).map(|tiding| tiding.owed.0).collect();
        assert!(told.len() == WAITING_MAX && told.is_sorted());
        assert!(add(1, WAITING_BYTES_MAX) && !add(2, 0), "too large together");
        assert!(tidings.take().is_some() && tidings.take().is_none() && add(3, 0));
    }

    #[test]
    fn an_event_too_many_is_dropped() {
        let tidings = Tidings::default();
        for number in 0..WAITING_MAX as u64 + 5 {
            tidings.tell(Sequence(number), "t".into(), &Value::Null);
        }
        let told: Vec<u64> = std::iter::from_fn(|| tidings.take()).map(|tiding| tiding.owed.0).collect();
        assert_eq!(told, (0..WAITING_MAX as u64).collect::<Vec<_>>(), "the first ones stay");
    }
}
