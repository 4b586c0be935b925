//! Room for more work of rules: those who bring it wait while there is enough where it is done, and are not read from.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sekisho_actions::{Lane, Limits, Task};
use sekisho_broker::ConnectionId;
use sekisho_state::State;
use sekisho_types::RuleName;

use crate::gateway::{Gateway, Session};

/// By what they wait for: room in a lane, or, having found none at all, anywhere (`None`).
type Waiting = HashMap<Option<Lane>, HashMap<ConnectionId, Waker>>;

/// Connections that wait until some work is done.
#[derive(Default)]
pub(crate) struct Room(Mutex<Waiting>);

impl Room {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has ended.
    pub(crate) fn forget(&self, connection: ConnectionId) {
        self.waiting().retain(|_, waiting| {
            waiting.remove(&connection);
            !waiting.is_empty()
        });
    }

    /// Some work is done in a lane, or anywhere.
    pub(crate) fn freed(&self, state: &State, limits: &Limits, lane: Option<Lane>) {
        let somebody_waits = self.waiting().contains_key(&lane);
        if somebody_waits && state.read().actions.is_comfortable(lane, limits) {
            let woken = self.waiting().remove(&lane).unwrap_or_default();
            woken.into_values().for_each(Waker::wake);
        }
    }
}

impl Gateway {
    /// Where work is done: one lane to all of this server's buckets, one to each other place, and one to each rule that has to ask. What a message chooses, and nobody named in
    /// the settings, has none of its own, but for hosts, which have to have agreed.
    pub(crate) fn lane_of(&self, rule: &RuleName, task: &Task) -> Lane {
        match task {
            Task::Produce(produce) => Lane::to("kafka", produce.cluster()),
            Task::Evaluate(_) => Lane::to("rule", rule.as_str()),
            Task::PutObject { bucket, .. } if self.streams.is_elsewhere(bucket) => Lane::to("bucket", bucket.as_str()),
            Task::PutObject { .. } => Lane::to("bucket", ""),
            Task::Post(post) => Lane::to("host", post.url.origin()),
            Task::Call(call) => match call.function_arn().and_then(|arn| self.functions.name(arn)) {
                Some(name) => Lane::to("function", name),
                None => Lane::to("service", call.service()),
            },
        }
    }

    /// Where there is enough work, if a message like a connection's last would bring more there.
    fn waits_for(&self, session: &Session) -> Option<Option<Lane>> {
        if session.brings.is_empty() {
            return None;
        }
        let cores = self.state.read();
        let has_enough = |lane: &Option<Lane>| !cores.actions.is_comfortable(*lane, &self.rule_work_limits);
        session.brings.iter().copied().find(has_enough)
    }

    /// Whether a message would bring work where there is enough: it is to wait before anything is done with it.
    pub(crate) fn has_enough(&self, session: &Session) -> bool {
        self.waits_for(session).is_some()
    }

    /// Whether a message that found no room finds some now. Wakes the task when that changes.
    pub fn poll_room(&self, context: &mut Context<'_>, session: &Session) -> Poll<()> {
        if self.state.journal().poll_room(context).is_pending() {
            return Poll::Pending;
        }
        while let Some(lane) = self.waits_for(session) {
            self.room.waiting().entry(lane).or_default().insert(session.link.id, context.waker().clone());
            // Unless room was made meanwhile: nobody else would say so.
            if self.waits_for(session) == Some(lane) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}
