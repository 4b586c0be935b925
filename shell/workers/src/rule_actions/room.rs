//! Room for more work of rules: those who bring it wait while there is enough, and are not read from.
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use sekisho_actions::Limits;
use sekisho_broker::ConnectionId;
use sekisho_state::State;

use crate::gateway::{Gateway, Session};

/// Connections that wait until some work is done.
#[derive(Default)]
pub(crate) struct Room(Mutex<HashMap<ConnectionId, Waker>>);

impl Room {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<ConnectionId, Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has ended.
    pub(crate) fn forget(&self, connection: ConnectionId) {
        self.waiting().remove(&connection);
    }

    /// Some work is done.
    pub(crate) fn freed(&self, state: &State, limits: &Limits) {
        let somebody_waits = !self.waiting().is_empty();
        if somebody_waits && state.read().actions.is_comfortable(limits) {
            let woken = std::mem::take(&mut *self.waiting());
            woken.into_values().for_each(Waker::wake);
        }
    }
}

impl Gateway {
    /// Whether a message would bring work to rules that have enough: it is to wait before anything is done with it.
    pub(crate) fn has_enough(&self, session: &Session) -> bool {
        session.brings_work && !self.state.read().actions.is_comfortable(&self.rule_work_limits)
    }

    /// Whether a message that found no room finds some now. Wakes the task when that changes.
    pub fn poll_room(&self, context: &mut Context<'_>, session: &Session) -> Poll<()> {
        if self.state.journal().poll_room(context).is_pending() {
            return Poll::Pending;
        }
        if self.has_enough(session) {
            self.room.waiting().insert(session.link.id, context.waker().clone());
            if self.has_enough(session) {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }
}
