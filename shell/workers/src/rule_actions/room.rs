//! Room for more work of rules: those who bring it wait while there is enough where it is done, and are not read from.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use sekisho_actions::{Actions, Destination, Limits, Task};
use sekisho_broker::ConnectionId;
use sekisho_state::State;

use crate::gateway::{Gateway, Session};

/// What a connection's last message brought to rules: the next may bring the same.
#[derive(Debug)]
pub(crate) enum Brings {
    /// Work at these destinations, perhaps none.
    For(Vec<Destination>),
    /// There was no room for it, wherever it is done.
    MoreThanThereIsRoomFor,
}

impl Default for Brings {
    fn default() -> Self {
        Self::For(Vec::new())
    }
}

/// Connections that wait until some work is done: at a destination, or anywhere (`None`).
#[derive(Default)]
pub(crate) struct Room(Mutex<HashMap<Option<Destination>, HashMap<ConnectionId, Waker>>>);

impl Room {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<Option<Destination>, HashMap<ConnectionId, Waker>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has ended.
    pub(crate) fn forget(&self, connection: ConnectionId) {
        self.waiting().retain(|_, waiting| {
            waiting.remove(&connection);
            !waiting.is_empty()
        });
    }

    /// Some work is done at a place, or somewhere.
    pub(crate) fn freed(&self, state: &State, limits: &Limits, place: Option<Destination>) {
        let somebody_waits = self.waiting().contains_key(&place);
        if somebody_waits && has_enough(&state.read().actions, limits, place).is_none() {
            let woken = self.waiting().remove(&place).unwrap_or_default();
            woken.into_values().for_each(Waker::wake);
        }
    }
}

/// The place itself if there is enough work for it.
fn has_enough(actions: &Actions, limits: &Limits, place: Option<Destination>) -> Option<Option<Destination>> {
    let has_room = match place {
        Some(destination) => actions.is_comfortable(destination, limits),
        None => actions.has_room_again(limits),
    };
    (!has_room).then_some(place)
}

impl Gateway {
    /// Where work is done: one place for all of this server's buckets, and one for each other. What a message chooses, and nobody named in the
    /// settings, is no place of its own, but for hosts, which have to have agreed.
    pub(crate) fn destination_of(&self, task: &Task) -> Destination {
        match task {
            Task::PutObject { bucket, .. } if self.streams.is_elsewhere(bucket) => {
                Destination::of("bucket", bucket.as_str())
            }
            Task::PutObject { .. } => Destination::of("bucket", ""),
            Task::Post { url, .. } => Destination::of("host", url.origin()),
            Task::Call(call) => match call.function_arn().and_then(|arn| self.functions.name(arn)) {
                Some(name) => Destination::of("function", name),
                None => Destination::of("service", call.service()),
            },
        }
    }

    /// Where there is enough work, if a message like a connection's last would bring more there.
    fn waits_for(&self, session: &Session) -> Option<Option<Destination>> {
        let limits = &self.rule_work_limits;
        match &session.brings {
            Brings::For(destinations) if destinations.is_empty() => None,
            Brings::For(destinations) => {
                let cores = self.state.read();
                destinations.iter().find_map(|destination| has_enough(&cores.actions, limits, Some(*destination)))
            }
            Brings::MoreThanThereIsRoomFor => has_enough(&self.state.read().actions, limits, None),
        }
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
        let Some(place) = self.waits_for(session) else { return Poll::Ready(()) };
        self.room.waiting().entry(place).or_default().insert(session.link.id, context.waker().clone());
        // It may have been done meanwhile, and nobody else will say so.
        if self.waits_for(session) == Some(place) { Poll::Pending } else { self.poll_room(context, session) }
    }
}
