//! All stored sessions, and what may happen to them.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sekisho_types::{ClientId, Grant, PacketIdentifier, ProtocolVersion, QoS, SessionId, Timestamp, TopicFilter};
use serde::{Deserialize, Serialize};

use crate::event::{Event, Message, Receiver};
use crate::session::{Session, Waiting, place_bytes};

/// How much may be stored, and what happens beyond it. All of it is in memory, and in each snapshot. Ours: AWS stores 500 messages a
/// second and account, and says no more (IoT Core quotas: "Persistent sessions").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Sessions of an account. And then: a client that wants one is refused.
    pub sessions: usize,
    /// Messages that wait for one session. And then: its next are dropped, and counted; those that wait stay (iot dev guide: "MQTT
    /// shared subscriptions").
    pub messages_per_session: usize,
    /// Bytes of what waits for one session and of what it subscribes to, as memory has them: properties and places weigh too. And then:
    /// as above, and one more subscription is refused, 0x97.
    pub bytes_per_session: usize,
    /// Bytes of all messages that wait, each once, and of their places in sessions. And then: as above.
    pub bytes: usize,
    /// Subscriptions of an account, those of connections without a session too (IoT Core quotas: "Subscriptions per account"). And then:
    /// one more is refused, 0x97. Their bytes weigh in `bytes_per_session` as well.
    pub subscriptions: usize,
    /// Bytes of all subscriptions, as memory has them. Ours. And then: as above.
    pub subscription_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sessions: 500_000,
            messages_per_session: 10_000,
            bytes_per_session: 16 * 1024 * 1024,
            bytes: 256 * 1024 * 1024,
            subscriptions: 500_000,
            subscription_bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Fewer than there are packet identifiers, whatever the limits say.
const WAITING_MAX: usize = 60_000;

/// As many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} sessions are stored already")]
pub struct Full(usize);

/// What a session holds weighs as much as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its session holds as much as it may")]
pub struct SessionFull;

/// A client that connects.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// Who.
    pub client_id: &'a ClientId,
    /// What it speaks.
    pub protocol_version: ProtocolVersion,
    /// Whether a session goes on that was begun in the other version ([MQTT-3.1.2-5]); AWS begins anew (iot dev guide: "MQTT persistent
    /// sessions").
    pub either_version: bool,
    /// It begins anew.
    pub clean_start: bool,
    /// How long its session is to outlive the connection.
    pub expiry_s: u32,
}

/// A connection's hold on its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Which.
    pub session: SessionId,
    /// The how-many-eth connection of it this is: an older one has no say in it any more.
    pub connection: u64,
    /// It was there before.
    pub is_present: bool,
}

/// A session a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// Which.
    pub session: SessionId,
    /// 1 or 2.
    pub qos: QoS,
    /// To be sent with RETAIN.
    pub retain: bool,
    /// What the client calls the subscriptions it is for.
    pub subscriptions: Box<[u32]>,
}

/// All stored sessions of an account.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    sessions: HashMap<SessionId, Session>,
    by_client: HashMap<ClientId, SessionId>,
    deadlines: BTreeSet<(Timestamp, SessionId)>,
    /// The last session's number.
    last_session: u64,
    /// The last message's number.
    last_message: u64,
    /// Of all messages, each once, and of their places.
    bytes: usize,
}

impl Sessions {
    /// A client connects: its session is resumed, ended, begun, or there is none ([MQTT-3.1.2-4] to [MQTT-3.1.2-6] MQTT5).
    ///
    /// # Errors
    /// [`Full`] for one more than there may be.
    pub fn connect(
        &self,
        hello: Hello<'_>,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(Vec<Event>, Option<Seat>), Full> {
        let Hello { client_id, protocol_version, either_version, clean_start, expiry_s } = hello;
        let mut events = Vec::new();
        if let Some((session, known)) = self.of_client(client_id) {
            let is_over = known.deadline().is_some_and(|at| at <= now);
            if !clean_start && !is_over && (either_version || known.protocol_version == protocol_version) {
                let seat = Seat { session, connection: known.connection + 1, is_present: true };
                return Ok((vec![Event::Resumed { session, expiry_s }], Some(seat)));
            }
            events.push(Event::Ended { session });
        }
        if expiry_s == 0 {
            return Ok((events, None));
        }
        if self.sessions.len() - events.len() >= limits.sessions {
            return Err(Full(self.sessions.len()));
        }
        let session = SessionId(self.last_session + 1);
        events.push(Event::Opened { session, client_id: client_id.clone(), protocol_version, expiry_s });
        Ok((events, Some(Seat { session, connection: 1, is_present: false })))
    }

    /// The connection that has `seat` subscribes; nothing if it is so already, or the session is another's by now.
    ///
    /// # Errors
    /// [`SessionFull`] where its session has no room for one more.
    pub fn subscribe(
        &self,
        seat: &Seat,
        filter: &TopicFilter,
        grant: Grant,
        limits: &Limits,
    ) -> Result<Vec<Event>, SessionFull> {
        let session = seat.session;
        let Some(known) = self.seated(seat) else { return Ok(Vec::new()) };
        match known.subscriptions.get(filter) {
            Some(granted) if *granted == grant => return Ok(Vec::new()),
            Some(_) => {}
            None if known.weight() + filter.subscription_bytes() > limits.bytes_per_session => return Err(SessionFull),
            None => {}
        }
        Ok(vec![Event::Subscribed { session, filter: filter.clone(), grant }])
    }

    /// It unsubscribes.
    pub fn unsubscribe(&self, seat: &Seat, filters: &[TopicFilter]) -> Vec<Event> {
        let session = seat.session;
        let Some(known) = self.seated(seat) else { return Vec::new() };
        let held = filters.iter().filter(|filter| known.subscriptions.contains_key(filter));
        held.map(|filter| Event::Unsubscribed { session, filter: filter.clone() }).collect()
    }

    /// A message waits for `addressees`, those that have room for it; answers who had none.
    pub fn queue(
        &self,
        message: Message,
        addressees: &[Addressee],
        limits: &Limits,
    ) -> (Option<Event>, Vec<SessionId>) {
        let bytes = message.bytes();
        let mut full = Vec::new();
        let mut to: Vec<Receiver> = Vec::with_capacity(addressees.len());
        // One session may be in several times, by itself and as a member of groups.
        let mut addressees = addressees.to_vec();
        addressees.sort_by_key(|addressee| addressee.session);
        let mut places = 0;
        for Addressee { session, qos, retain, subscriptions } in addressees {
            let Some(known) = self.sessions.get(&session) else { continue };
            let before = to.last().filter(|receiver| receiver.session == session);
            let next = before.map_or(known.next, |receiver| receiver.identifier.next());
            let place = place_bytes(&subscriptions);
            let of_it = to.iter().rev().take_while(|receiver| receiver.session == session);
            let (count, weight) = of_it.fold((1, bytes + place), |(count, weight), receiver| {
                (count + 1, weight + bytes + place_bytes(&receiver.subscriptions))
            });
            if known.waiting.len() + count > limits.messages_per_session.min(WAITING_MAX)
                || known.weight() + weight > limits.bytes_per_session
                || self.bytes + bytes + places + place > limits.bytes
            {
                full.push(session);
                continue;
            }
            let identifier = known.free_identifier(next);
            let number = self.last_message + 1 + to.len() as u64;
            places += place;
            to.push(Receiver { session, number, identifier, qos, retain, subscriptions });
        }
        ((!to.is_empty()).then_some(Event::Queued { message, to }), full)
    }

    /// The client of `seat` has messages it was sent, or is not to have them.
    pub fn acknowledge(&self, seat: &Seat, identifiers: &[PacketIdentifier]) -> Vec<Event> {
        let session = seat.session;
        let Some(known) = self.seated(seat) else { return Vec::new() };
        let sent = identifiers.iter().copied().filter(|identifier| known.sent_as(*identifier).is_some());
        let identifiers: Vec<_> = sent.collect();
        if identifiers.is_empty() { Vec::new() } else { vec![Event::Acknowledged { session, identifiers }] }
    }

    /// The client has a message of QoS 2, and waits for PUBREL.
    pub fn receive(&self, seat: &Seat, identifier: PacketIdentifier) -> Vec<Event> {
        let waiting = self.seated(seat).and_then(|known| known.sent_as(identifier));
        let news = waiting.filter(|waiting| waiting.qos == QoS::ExactlyOnce && !waiting.received);
        news.map(|_| Event::Received { session: seat.session, identifier }).into_iter().collect()
    }

    /// A message of QoS 2 of the client is taken.
    pub fn take(&self, seat: &Seat, identifier: PacketIdentifier) -> Vec<Event> {
        let news = self.seated(seat).filter(|known| !known.taken.contains(&identifier));
        news.map(|_| Event::Taken { session: seat.session, identifier }).into_iter().collect()
    }

    /// Its identifier is free again.
    pub fn release(&self, seat: &Seat, identifier: PacketIdentifier) -> Vec<Event> {
        let taken = self.seated(seat).filter(|known| known.taken.contains(&identifier));
        taken.map(|_| Event::Released { session: seat.session, identifier }).into_iter().collect()
    }

    /// The connection that has `seat` has ended, having been handed messages up to `sent`.
    pub fn leave(&self, seat: &Seat, expiry_s: u32, sent: u64, now: Timestamp) -> Vec<Event> {
        let session = seat.session;
        match (self.seated(seat), expiry_s) {
            (None, _) => Vec::new(),
            (Some(_), 0) => vec![Event::Ended { session }],
            (Some(_), _) => vec![Event::Left { session, at: now, expiry_s, sent }],
        }
    }

    /// The server was stopped while these had connections: they have none now, and what they were sent nobody knows.
    pub fn recover(&self, now: Timestamp) -> Vec<Event> {
        let connected = self.sessions.iter().filter(|(_, known)| known.is_connected());
        let mut events: Vec<_> = connected
            .map(|(&session, known)| match known.expiry_s {
                0 => Event::Ended { session },
                expiry_s => Event::Left { session, at: now, expiry_s, sent: known.last() },
            })
            .collect();
        events.sort_unstable_by_key(|event| match event {
            Event::Left { session, .. } | Event::Ended { session } => session.0,
            _ => 0,
        });
        events
    }

    /// Sessions whose time is over.
    pub fn expired(&self, now: Timestamp) -> Vec<Event> {
        let over = self.deadlines.iter().take_while(|(at, _)| *at <= now);
        over.map(|&(_, session)| Event::Ended { session }).collect()
    }

    /// A client's session is to be no more.
    pub fn end(&self, client_id: &ClientId) -> Vec<Event> {
        self.by_client.get(client_id).map(|&session| Event::Ended { session }).into_iter().collect()
    }

    /// A session, if it is still there.
    pub fn get(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(&session)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(&session, known)| (session, known))
    }

    /// A client's session.
    pub fn of_client(&self, client_id: &ClientId) -> Option<(SessionId, &Session)> {
        let session = *self.by_client.get(client_id)?;
        Some((session, self.sessions.get(&session)?))
    }

    fn seated(&self, seat: &Seat) -> Option<&Session> {
        self.sessions.get(&seat.session).filter(|known| known.connection == seat.connection)
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Opened { session, client_id, protocol_version, expiry_s } => {
                self.last_session = self.last_session.max(session.0);
                self.by_client.insert(client_id.clone(), *session);
                self.sessions.insert(*session, Session::new(client_id.clone(), *protocol_version, *expiry_s));
            }
            Event::Resumed { session, expiry_s } => self.change(*session, |known| {
                if known.is_connected() {
                    known.sent = known.last(); // taken over: what the other connection has sent, nobody says any more
                }
                known.connection += 1;
                known.left_at = None;
                known.expiry_s = *expiry_s;
            }),
            Event::Subscribed { session, filter, grant } => self.change(*session, |known| {
                if known.subscriptions.insert(filter.clone(), *grant).is_none() {
                    known.subscription_bytes += filter.subscription_bytes();
                }
            }),
            Event::Unsubscribed { session, filter } => self.change(*session, |known| {
                if known.subscriptions.remove(filter).is_some() {
                    known.subscription_bytes -= filter.subscription_bytes();
                }
            }),
            Event::Queued { message, to } => self.apply_queued(message, to),
            Event::Acknowledged { session, identifiers } => {
                let Some(known) = self.sessions.get_mut(session) else { return };
                let gone = identifiers.iter().filter_map(|identifier| known.acknowledge(*identifier));
                self.bytes -= gone.map(weight_of_gone).sum::<usize>();
            }
            Event::Received { session, identifier } => self.change(*session, |known| known.received(*identifier)),
            Event::Taken { session, identifier } => self.change(*session, |known| {
                known.taken.insert(*identifier);
            }),
            Event::Released { session, identifier } => self.change(*session, |known| {
                known.taken.remove(identifier);
            }),
            Event::Left { session, at, expiry_s, sent } => {
                self.last_message = self.last_message.max(*sent);
                self.change(*session, |known| {
                    known.left_at = Some(*at);
                    known.expiry_s = *expiry_s;
                    known.sent = known.sent.max(*sent);
                });
            }
            Event::Ended { session } => {
                self.forget_deadline(*session);
                let Some(known) = self.sessions.remove(session) else { return };
                if self.by_client.get(&known.client_id) == Some(session) {
                    self.by_client.remove(&known.client_id);
                }
                let gone = known.waiting.into_values();
                self.bytes -= gone.map(weight_of_gone).sum::<usize>();
            }
        }
    }

    /// Changes a session, and when it ends.
    fn change(&mut self, session: SessionId, change: impl FnOnce(&mut Session)) {
        self.forget_deadline(session);
        let Some(known) = self.sessions.get_mut(&session) else { return };
        change(known);
        self.deadlines.extend(known.deadline().map(|at| (at, session)));
    }

    fn forget_deadline(&mut self, session: SessionId) {
        if let Some(at) = self.sessions.get(&session).and_then(Session::deadline) {
            self.deadlines.remove(&(at, session));
        }
    }

    fn apply_queued(&mut self, message: &Message, to: &[Receiver]) {
        let shared = Arc::new(message.clone());
        for receiver in to {
            self.last_message = self.last_message.max(receiver.number);
            if let Some(known) = self.sessions.get_mut(&receiver.session) {
                known.queue(&shared, receiver);
                self.bytes += place_bytes(&receiver.subscriptions);
            }
        }
        if Arc::strong_count(&shared) > 1 {
            self.bytes += shared.bytes();
        }
    }

    /// The events that fold to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let mut by_id: Vec<_> = self.sessions.iter().collect();
        by_id.sort_unstable_by_key(|(session, _)| **session);
        let mut events = Vec::new();
        // A message that waits for many is told once.
        let mut messages: BTreeMap<u64, (&Message, Vec<Receiver>)> = BTreeMap::new();
        let mut firsts: HashMap<*const Message, u64> = HashMap::new();
        for &(&session, known) in &by_id {
            let Session { client_id, protocol_version, expiry_s, .. } = known;
            let (client_id, protocol_version, expiry_s) = (client_id.clone(), *protocol_version, *expiry_s);
            events.push(Event::Opened { session, client_id, protocol_version, expiry_s });
            let subscriptions = known.subscriptions.iter();
            events.extend(subscriptions.map(|(filter, grant)| Event::Subscribed {
                session,
                filter: filter.clone(),
                grant: *grant,
            }));
            events.extend(known.taken.iter().map(|&identifier| Event::Taken { session, identifier }));
            for (&number, waiting) in &known.waiting {
                let receiver = Receiver {
                    session,
                    number,
                    identifier: waiting.identifier,
                    qos: waiting.qos,
                    retain: waiting.retain,
                    subscriptions: waiting.subscriptions.clone(),
                };
                let first = *firsts.entry(Arc::as_ptr(&waiting.message)).or_insert(number);
                messages.entry(first).or_insert_with(|| (&waiting.message, Vec::new())).1.push(receiver);
            }
        }
        for (message, to) in messages.into_values() {
            events.push(Event::Queued { message: message.clone(), to });
        }
        for &(&session, known) in &by_id {
            let received = known.waiting.values().filter(|waiting| waiting.received);
            events.extend(received.map(|waiting| Event::Received { session, identifier: waiting.identifier }));
            if let Some(at) = known.left_at {
                events.push(Event::Left { session, at, expiry_s: known.expiry_s, sent: known.sent });
            }
        }
        events
    }
}

/// What is free once it waits no more.
fn weight_of_gone(waiting: Waiting) -> usize {
    place_bytes(&waiting.subscriptions) + last_of(waiting.message)
}

/// What a message weighed that one session less shares: nothing while another still does.
fn last_of(message: Arc<Message>) -> usize {
    Arc::into_inner(message).map_or(0, |message| message.bytes())
}

#[cfg(test)]
mod tests;
