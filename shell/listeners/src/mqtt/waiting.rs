//! What waits for a connection: in its mailbox, and in its stored session. Handed to the gate while that takes it.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use sekisho_gate::{Connection, Delivery, Handed};
use sekisho_journal::Sequence;
use sekisho_mqtt::{PacketIdentifier, QoS};
use sekisho_workers::{Gateway, Session, Stored, Turn};

/// Deliveries taken from a mailbox, or out of a stored session, at once.
const DELIVERIES_MAX: usize = 64;
/// The same in bytes. And then: one at a time. They weigh nowhere while they are here, and a client that does not read leaves them here.
const DELIVERIES_BYTES_MAX: usize = 64 * 1024;

/// Taken from where it waits, not yet taken by the gate.
pub(super) struct Waiting {
    mailbox: Vec<(Arc<Delivery>, QoS)>,
    stored: VecDeque<Stored>,
    /// `stored` is on the disk once this is.
    stored_until: Sequence,
    /// Up to here the gate has what waits in the stored session.
    sent: u64,
    /// Whether more may wait there.
    more: bool,
    /// What the client of a stored session has, not noted yet.
    acknowledged: Vec<PacketIdentifier>,
    /// Nothing more is handed over before.
    turn_at: Option<Instant>,
    /// Nor before what is written is sent.
    awaits_writing: bool,
}

impl Waiting {
    pub(super) const fn new() -> Self {
        Self {
            mailbox: Vec::new(),
            stored: VecDeque::new(),
            stored_until: Sequence(0),
            sent: 0,
            more: false,
            acknowledged: Vec::new(),
            turn_at: None,
            awaits_writing: false,
        }
    }

    /// More may wait in the stored session.
    pub(super) const fn look_again(&mut self) {
        self.more = true;
    }

    /// Whether the stored session has something to hand over.
    pub(super) fn is_stored(&self) -> bool {
        self.more || !self.stored.is_empty()
    }

    /// Up to here the client was sent what waited in its stored session.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// When more may be handed over, if that is a matter of time.
    pub(super) const fn turn_at(&self) -> Option<Instant> {
        self.turn_at
    }

    /// Whether more waits in the mailbox until something is sent.
    pub(super) const fn awaits_writing(&self) -> bool {
        self.awaits_writing
    }

    /// The client has it.
    pub(super) fn acknowledged(&mut self, identifier: PacketIdentifier) {
        self.acknowledged.push(identifier);
    }

    /// Moves deliveries into the gate while it takes them; answers what has to be durable before it can be given more.
    pub(super) fn hand_over(
        &mut self,
        now: Instant,
        gateway: &Gateway,
        session: &mut Session,
        gate: &mut Connection,
    ) -> Option<Sequence> {
        self.awaits_writing = false;
        if self.turn_at.is_some_and(|at| now < at) {
            return None;
        }
        self.turn_at = None;
        let share = gateway.unsent_share();
        let owed = self.hand_over_stored(now, gateway, session, gate, share);
        self.hand_over_mailbox(now, gateway, session, gate, share);
        owed
    }

    fn hand_over_mailbox(
        &mut self,
        now: Instant,
        gateway: &Gateway,
        session: &mut Session,
        gate: &mut Connection,
        share: Option<usize>,
    ) {
        loop {
            let room = gate.room_to_write(share);
            if room == 0 {
                // What is written will be sent; without any, it is the client's next PUBACK that makes room.
                self.awaits_writing = gate.is_writing();
                return;
            }
            if self.mailbox.is_empty() {
                session.link().take(DELIVERIES_MAX, room.min(DELIVERIES_BYTES_MAX), &mut self.mailbox);
            }
            if self.mailbox.is_empty() {
                self.mailbox = Vec::new();
                return;
            }
            let clock = gateway.state().now();
            let refused = self.mailbox.iter().position(|(delivery, qos)| {
                if !gateway.may_receive(clock, session, delivery.topic()) {
                    return false;
                }
                match gateway.turn(now, session, *qos) {
                    Turn::Now if gate.deliver(now, delivery, *qos) => {
                        gateway.took_turn(now, session);
                        false
                    }
                    Turn::Now => true,
                    Turn::Never => false,
                    Turn::At(at) => {
                        self.turn_at = Some(at);
                        true
                    }
                }
            });
            self.mailbox.drain(..refused.unwrap_or(self.mailbox.len()));
            if refused.is_some() {
                self.awaits_writing = gate.is_writing() && gate.room_to_write(share) == 0;
                return; // the window is full, and the client's next PUBACK wakes us; or its rate is used up
            }
        }
    }

    fn hand_over_stored(
        &mut self,
        now: Instant,
        gateway: &Gateway,
        session: &mut Session,
        gate: &mut Connection,
        share: Option<usize>,
    ) -> Option<Sequence> {
        let mut owed = None;
        while gate.is_connected() && gate.room_to_write(share) > 0 {
            if self.stored.is_empty() {
                if !self.more {
                    break;
                }
                let taken = gateway.waiting(session, self.sent, (DELIVERIES_MAX, DELIVERIES_BYTES_MAX));
                (self.stored, self.stored_until, self.more) = (taken.stored, taken.until, taken.more);
            }
            if self.stored_until > gateway.state().journal().durable() {
                owed = Some(self.stored_until);
                break;
            }
            let Some(stored) = self.stored.front() else { break };
            let handed = match &stored.delivery {
                _ if stored.received => {
                    gate.release(stored.identifier, sekisho_gate::Sequence(0));
                    Handed::Sent
                }
                Some(delivery) if gateway.may_receive(gateway.state().now(), session, delivery.topic()) => {
                    match gateway.turn(now, session, stored.qos) {
                        Turn::Now => gate.deliver_stored(now, delivery, (stored.identifier, stored.qos, stored.dup)),
                        Turn::Never => Handed::Dropped,
                        Turn::At(at) => {
                            self.turn_at = Some(at);
                            Handed::Later
                        }
                    }
                }
                Some(_) | None => Handed::Dropped, // forbidden, or expired
            };
            match handed {
                Handed::Sent => gateway.took_turn(now, session),
                Handed::Dropped => self.acknowledged.push(stored.identifier),
                Handed::Later => break, // the client's next acknowledgement wakes us, or the time
            }
            self.sent = stored.number;
            self.stored.pop_front();
        }
        if self.stored.is_empty() {
            self.stored = VecDeque::new();
        }
        self.note_acknowledged(gateway, session);
        owed
    }

    /// The session keeps no longer what the client has. Nobody waits for that: what is lost of it is sent again.
    pub(super) fn note_acknowledged(&mut self, gateway: &Gateway, session: &Session) {
        if !self.acknowledged.is_empty() {
            gateway.acknowledge(session, &self.acknowledged);
            self.acknowledged = Vec::new();
        }
    }
}
