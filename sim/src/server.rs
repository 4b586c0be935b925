//! Gate, broker and sessions joined as `shell/workers` and `shell/listeners` join them, without sockets, tasks or locks.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use sekisho_broker::{Broker, ConnectionId, HashMatch, Subscriber, Target};
use sekisho_gate::{Accepted, CloseReason, Connection, Delivery, Handed, Output, Sequence, Settings};
use sekisho_identity::{CertificateRecord, CertificateStatus, DeviceIdentity};
use sekisho_mqtt::{PacketIdentifier, QoS, Utf8String};
use sekisho_policy::{Action, Connect, Context, Permit, PolicyDocument, PolicySet, Publish, Subscribe, authorize};
use sekisho_sessions::{Addressee, Event, Hello, Limits, Message, Seat, Sessions};
use sekisho_types::{
    AccountId, CertificateId, ClientId, Grant, MessageProperties, PolicyName, Region, SessionId, Tenant, Timestamp,
    TopicFilter, TopicName,
};

use crate::disk::Disk;
use crate::random::Random;

struct Link {
    gate: Connection,
    client_id: Option<ClientId>,
    seat: Option<Seat>,
    expiry_s: u32,
    sent: u64,
    /// Up to here it may be sent what waits, once that is durable.
    held: (u64, Sequence),
    more: bool,
    acknowledged: Vec<PacketIdentifier>,
}

/// The server.
pub struct Server {
    settings: Arc<Settings>,
    sessions: Sessions,
    broker: Broker,
    links: BTreeMap<u64, Link>,
    by_session: HashMap<SessionId, u64>,
    /// The journal.
    pub disk: Disk,
    turn: u32,
    identity: DeviceIdentity,
    policies: PolicySet,
    context: Context,
}

impl Server {
    /// On an empty disk.
    pub fn new(settings: Settings) -> Self {
        let now = Timestamp::from_seconds(0);
        let not_after = Timestamp::from_seconds(i64::from(u32::MAX));
        let record = CertificateRecord { status: CertificateStatus::Active, not_before: now, not_after };
        let document = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        let document = Arc::new(PolicyDocument::parse(document).expect("a policy"));
        let account = AccountId::parse("000000000000").expect("an account");
        let region = Region::parse("us-east-1").expect("a region");
        Self {
            settings: Arc::new(settings),
            sessions: Sessions::default(),
            broker: Broker::new(HashMatch::Standard),
            links: BTreeMap::new(),
            by_session: HashMap::new(),
            disk: Disk::default(),
            turn: 0,
            identity: DeviceIdentity::establish(CertificateId::new([1; 32]), &record, now).expect("an active one"),
            policies: PolicySet::new(vec![(PolicyName::parse("all").expect("a name"), document)]),
            context: Context::new(Tenant { account, region }),
        }
    }

    /// Killed, and started again: what the disk has is all there is.
    pub fn crash(&mut self, now: Timestamp, random: &mut Random) {
        self.disk.crash(random);
        self.links.clear();
        self.by_session.clear();
        self.sessions = self.disk.fold();
        let events = self.sessions.recover(now);
        self.commit(events);
        assert_eq!(self.disk.fold().snapshot(), self.sessions.snapshot(), "the fold of what is journaled");
        self.broker = Broker::new(HashMatch::Standard);
        for (session, stored) in self.sessions.iter() {
            self.broker.restore(stored.client_id(), session, stored.subscriptions());
        }
    }

    /// A connection's transport is up.
    pub fn open(&mut self, id: u64, now: Instant) {
        let gate = Connection::new(now, self.settings.clone());
        let link = Link {
            gate,
            client_id: None,
            seat: None,
            expiry_s: 0,
            sent: 0,
            held: (0, Sequence(0)),
            more: false,
            acknowledged: Vec::new(),
        };
        self.links.insert(id, link);
    }

    /// Whether it knows a connection.
    pub fn knows(&self, id: u64) -> bool {
        self.links.contains_key(&id)
    }

    /// Bytes came.
    pub fn handle_bytes(&mut self, id: u64, now: (Instant, Timestamp), bytes: &[u8]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.gate.handle_bytes(now.0, &mut BytesMut::from(bytes));
        self.turn(id, now);
    }

    /// Whether it would read from a connection.
    pub fn takes_input(&self, id: u64) -> bool {
        self.links.get(&id).is_some_and(|link| link.gate.takes_input())
    }

    /// The transport ended.
    pub fn lost(&mut self, id: u64, now: (Instant, Timestamp)) {
        if let Some(link) = self.links.get_mut(&id) {
            link.gate.handle_end_of_stream();
            self.turn(id, now);
        }
    }

    /// What there is to write to a connection, at most so much; nothing and `true` once it has ended.
    pub fn outgoing(&mut self, id: u64, now: (Instant, Timestamp), most: usize) -> (Vec<u8>, bool) {
        let Some(link) = self.links.get_mut(&id) else { return (Vec::new(), true) };
        let outgoing = link.gate.outgoing(now.0);
        let written = outgoing.split_to(most.min(outgoing.len())).to_vec();
        let over = written.is_empty() && link.gate.is_closed();
        if over {
            self.close(id, now);
        } else if !written.is_empty() {
            self.turn(id, now);
        }
        (written, over)
    }

    /// Time passed, and the disk may have been synced.
    pub fn tick(&mut self, now: (Instant, Timestamp)) {
        let events = self.sessions.expired(now.1);
        self.commit(events);
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            if let Some(link) = self.links.get_mut(&id) {
                link.gate.handle_timeout(now.0);
            }
            self.turn(id, now);
        }
        self.one_connection_a_client();
    }

    /// The state, for a snapshot.
    pub fn compact(&mut self) {
        self.disk.sync();
        let sessions = &self.sessions;
        self.disk.compact(sessions);
    }

    /// Of those that are let in, each client id has one, except for what is being closed.
    fn one_connection_a_client(&self) {
        let mut seen = std::collections::HashSet::new();
        for link in self.links.values().filter(|link| link.gate.is_connected()) {
            let client_id = link.client_id.as_ref().expect("it is let in");
            assert!(seen.insert(client_id), "two connections of `{client_id}`");
        }
    }

    fn permit<A: Action>(&self, action: A) -> Permit<A> {
        authorize(&self.identity, action, &self.policies, &self.context).expect("everything is allowed")
    }

    /// Journals and applies; the place, or 0 if there was nothing.
    fn commit(&mut self, events: Vec<Event>) -> Sequence {
        if events.is_empty() {
            return Sequence(0);
        }
        let sequence = self.disk.append(&events);
        for event in &events {
            self.sessions.apply(event);
            match event {
                Event::Ended { session } => {
                    if let Some(link) = self.by_session.get(session).and_then(|id| self.links.get_mut(id)) {
                        link.gate.disconnect(CloseReason::DuplicateClientId);
                    }
                    self.broker.end(Subscriber::Session(*session));
                }
                Event::Left { session, .. } => self.broker.leave(*session),
                _ => {}
            }
        }
        sequence
    }

    /// All a connection can do now.
    fn turn(&mut self, id: u64, now: (Instant, Timestamp)) {
        if let Some(link) = self.links.get_mut(&id) {
            link.gate.handle_persisted(self.disk.durable());
        }
        loop {
            self.deliver(id, now);
            let Some(link) = self.links.get_mut(&id) else { return };
            let Some(output) = link.gate.poll_output() else { break };
            self.act(id, now, output);
        }
        self.note_acknowledged(id);
    }

    fn act(&mut self, id: u64, now: (Instant, Timestamp), output: Output) {
        let seat = self.links[&id].seat;
        match output {
            Output::Connect(request) => {
                let client_id = request.client_id.clone().expect("clients have names here");
                let hello = Hello {
                    client_id: &client_id,
                    protocol_version: request.protocol_version,
                    either_version: true,
                    clean_start: request.clean_start,
                    expiry_s: request.session_expiry_s,
                };
                let (events, seat) = self.sessions.connect(hello, &Limits::default(), now.1).expect("room");
                let owed = self.commit(events);
                let stored = seat.and_then(|seat| self.sessions.get(seat.session));
                let accepted = Accepted {
                    session_present: seat.is_some_and(|seat| seat.is_present),
                    is_stored: seat.is_some(),
                    taken: stored.map(|stored| stored.taken().collect()).unwrap_or_default(),
                    ..Accepted::default()
                };
                if let Some(seat) = &seat
                    && let Some(older) = self.by_session.insert(seat.session, id)
                    && let Some(link) = self.links.get_mut(&older)
                {
                    link.gate.disconnect(CloseReason::DuplicateClientId);
                }
                let link = self.links.get_mut(&id).expect("it is turned");
                (link.client_id, link.seat, link.expiry_s) = (Some(client_id.clone()), seat, request.session_expiry_s);
                link.more = accepted.is_stored;
                link.gate.accept(now.0, accepted, owed);
                let subscriber = subscriber(id, seat);
                let permit = self.permit(Connect { client_id });
                if let Some(Subscriber::Connection(ConnectionId(older))) = self.broker.connect(&permit, subscriber)
                    && let Some(link) = self.links.get_mut(&older)
                {
                    link.gate.disconnect(CloseReason::DuplicateClientId);
                }
            }
            Output::Publish(publish) => {
                let mut owed = self.route(id, now, &publish);
                if let Some(identifier) = publish.packet_identifier {
                    if let (QoS::ExactlyOnce, Some(seat)) = (publish.qos, &seat) {
                        let events = self.sessions.take(seat, identifier);
                        owed = owed.max(self.commit(events));
                    }
                    self.gate(id).publish_accepted(identifier, owed);
                }
            }
            Output::Subscribe(request) => {
                let mut owed = Sequence(0);
                for subscription in &request.subscriptions {
                    let (filter, grant) = (&subscription.topic_filter, Grant::at(subscription.qos));
                    if let Some(seat) = &seat {
                        let limits = Limits::default();
                        let events = self.sessions.subscribe(seat, filter, grant, &limits).expect("few filters");
                        owed = owed.max(self.commit(events));
                    }
                    let permit = self.permit(Subscribe { filter: TopicFilter::clone(filter) });
                    self.broker.subscribe(subscriber(id, seat), &permit, grant);
                }
                let outcomes = request.subscriptions.iter().map(|subscription| Ok(subscription.qos)).collect();
                self.gate(id).subscribed(request.packet_identifier, outcomes, owed);
            }
            Output::Unsubscribe(request) => {
                let subscriber = subscriber(id, seat);
                let filters = &request.topic_filters;
                let outcomes = filters.iter().map(|filter| Ok(self.broker.unsubscribe(subscriber, filter))).collect();
                let events = seat.map(|seat| self.sessions.unsubscribe(&seat, filters)).unwrap_or_default();
                let owed = self.commit(events);
                self.gate(id).unsubscribed(request.packet_identifier, outcomes, owed);
            }
            Output::Acknowledged(identifier) => {
                self.links.get_mut(&id).expect("it is turned").acknowledged.push(identifier);
            }
            Output::Received(identifier) => {
                let events = seat.map(|seat| self.sessions.receive(&seat, identifier)).unwrap_or_default();
                let owed = self.commit(events);
                self.gate(id).release(identifier, owed);
            }
            Output::Released(identifier) => {
                let events = seat.map(|seat| self.sessions.release(&seat, identifier)).unwrap_or_default();
                let owed = self.commit(events);
                self.gate(id).complete(identifier, owed);
            }
            Output::Close(close) => {
                let link = self.links.get_mut(&id).expect("it is turned");
                link.expiry_s = close.session_expiry_s.unwrap_or(link.expiry_s);
            }
        }
    }

    fn gate(&mut self, id: u64) -> &mut Connection {
        &mut self.links.get_mut(&id).expect("it is turned").gate
    }

    fn route(&mut self, id: u64, now: (Instant, Timestamp), publish: &sekisho_gate::IncomingPublish) -> Sequence {
        let permit = self.permit(Publish { topic: TopicName::parse(&publish.topic).expect("a topic name") });
        let mut targets = Vec::new();
        self.turn = self.turn.wrapping_add(1);
        self.broker.publish(&permit, Some(subscriber(id, self.links[&id].seat)), self.turn, &mut targets);
        let mut stored = Vec::new();
        let delivery = Arc::new(Delivery::new(now.0, &publish.topic, &publish.payload, None, false));
        for target in targets {
            let Target::Subscriber { subscriber, grant, .. } = target else { continue };
            let qos = grant.qos.min(publish.qos);
            match subscriber {
                Subscriber::Session(session) if qos > QoS::AtMostOnce => {
                    stored.push(Addressee { session, qos, retain: false, subscriptions: Box::default() });
                }
                Subscriber::Session(session) => {
                    if let Some(link) = self.by_session.get(&session).and_then(|id| self.links.get_mut(id)) {
                        let _ = link.gate.deliver(now.0, &delivery, qos);
                    }
                }
                Subscriber::Connection(ConnectionId(id)) => {
                    if let Some(link) = self.links.get_mut(&id) {
                        let _ = link.gate.deliver(now.0, &delivery, qos);
                    }
                }
            }
        }
        if stored.is_empty() {
            return Sequence(0);
        }
        let message = Message {
            topic: publish.topic.to_string(),
            payload: publish.payload.clone(),
            properties: MessageProperties::default(),
        };
        let (event, full) = self.sessions.queue(message, &stored, &Limits::default());
        assert!(full.is_empty(), "nobody is away so long");
        let owed = self.commit(event.into_iter().collect());
        for addressee in stored {
            if let Some(link) = self.by_session.get(&addressee.session).and_then(|id| self.links.get_mut(id)) {
                link.more = true;
            }
        }
        owed
    }

    /// What waits in the stored session, while the gate takes it.
    fn deliver(&mut self, id: u64, now: (Instant, Timestamp)) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(stored) = link.seat.and_then(|seat| self.sessions.get(seat.session)) else { return };
        if !link.gate.is_connected() {
            return;
        }
        if link.more && link.held.0 <= link.sent {
            link.held = (stored.after(link.sent).last().map_or(0, |(number, _)| number), self.disk.last());
            link.more = false;
        }
        if link.held.1 > self.disk.durable() {
            return;
        }
        for (number, waiting) in stored.after(link.sent).take_while(|(number, _)| *number <= link.held.0) {
            if waiting.received {
                link.gate.release(waiting.identifier, Sequence(0));
            } else {
                let topic = Utf8String::copied(&waiting.message.topic).expect("a topic");
                let delivery = Delivery::shared(now.0, &topic, waiting.message.payload.clone(), None, false);
                let sent_as = (waiting.identifier, waiting.qos, number <= stored.sent());
                match link.gate.deliver_stored(now.0, &delivery, sent_as) {
                    Handed::Sent => {}
                    Handed::Dropped => link.acknowledged.push(waiting.identifier),
                    Handed::Later => return,
                }
            }
            link.sent = number;
        }
        link.held.0 = link.held.0.min(link.sent);
    }

    fn note_acknowledged(&mut self, id: u64) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let acknowledged = std::mem::take(&mut link.acknowledged);
        if let (Some(seat), false) = (link.seat, acknowledged.is_empty()) {
            let events = self.sessions.acknowledge(&seat, &acknowledged);
            self.commit(events);
        }
    }

    fn close(&mut self, id: u64, now: (Instant, Timestamp)) {
        self.note_acknowledged(id);
        let Some(link) = self.links.remove(&id) else { return };
        match link.seat {
            Some(seat) => {
                let events = self.sessions.leave(&seat, link.expiry_s, link.sent, now.1);
                self.commit(events);
                if self.by_session.get(&seat.session) == Some(&id) {
                    self.by_session.remove(&seat.session);
                }
            }
            None => self.broker.end(Subscriber::Connection(ConnectionId(id))),
        }
    }
}

fn subscriber(id: u64, seat: Option<Seat>) -> Subscriber {
    seat.map_or(Subscriber::Connection(ConnectionId(id)), |seat| Subscriber::Session(seat.session))
}
