//! Stored sessions and their connections: who sits in which, and what waits for whom.
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use sekisho_broker::Subscriber;
use sekisho_gate::{Accepted, ConnectRequest, Delivery, Refusal};
use sekisho_journal::{JournalError, Sequence};
use sekisho_mqtt::{PacketIdentifier, QoS, SubscriptionIdentifier, Utf8String};
use sekisho_sessions::{Addressee, Event, Hello, Limits, Message, Seat, Sessions, Waiting};
use sekisho_state::Cores;
use sekisho_types::{ClientId, Grant, SessionId, Timestamp, TopicFilter};

use crate::decisions::Decision;
use crate::gateway::{Gateway, Session};
use crate::kept::given_properties;
use crate::links::Link;
use crate::profile::Profile;

/// Receivers of a message in one entry of the journal.
const RECEIVERS_PER_ENTRY: usize = 1_000;
/// How often sessions whose time is over are looked for.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);

/// A message of a stored session on its way to the client.
pub struct Stored {
    /// Its place in the session's order.
    pub number: u64,
    /// Under which it is sent.
    pub identifier: PacketIdentifier,
    /// 1 or 2.
    pub qos: QoS,
    /// It may have been sent before.
    pub dup: bool,
    /// The client has it already and waits for PUBREL.
    pub received: bool,
    /// It; `None` once it has expired.
    pub delivery: Option<Delivery>,
}

/// What was taken out of a stored session to be sent.
#[derive(Default)]
pub struct Batch {
    /// It, in order.
    pub stored: VecDeque<Stored>,
    /// What has to be durable before it is sent: else a crash could give its packet identifier to another message, which a client that
    /// keeps to QoS 2 would take for this one.
    pub until: Sequence,
    /// Whether more waits behind it.
    pub more: bool,
}

impl Gateway {
    /// Sessions as they were stored: their clients have no connection any more.
    pub(crate) fn restore_sessions(&self) {
        let now = self.state.now();
        if let Err(error) = self.change_sessions(|sessions| sessions.recover(now)) {
            tracing::error!(%error, "stored sessions cannot be resumed");
        }
        let cores = self.state.read();
        let mut broker = self.broker_mut();
        for (session, stored) in cores.sessions.iter() {
            broker.restore(stored.client_id(), session, stored.subscriptions());
        }
    }

    /// What happened to a stored session is taken in.
    pub(crate) fn follow_sessions(&self, event: &Event) {
        match event {
            Event::Ended { session } => {
                let subscriber = Subscriber::Session(*session);
                let _ = self.links.taken_over(subscriber);
                self.broker_mut().end(subscriber);
                self.told_full_no_more(*session);
                self.wills.session_ended(*session);
            }
            Event::Resumed { session, .. } => self.wills.forget(*session),
            Event::Left { session, .. } => self.broker_mut().leave(*session),
            _ => {}
        }
    }

    /// Changes stored sessions; answers what has to be durable before anybody is told.
    pub(crate) fn change_sessions(
        &self,
        change: impl FnOnce(&Sessions) -> Vec<Event>,
    ) -> Result<Sequence, JournalError> {
        let mut any = false;
        let changed = self.state.enqueue(|cores| {
            let events = change(&cores.sessions);
            any = !events.is_empty();
            Ok::<_, std::convert::Infallible>((events.into_iter().map(Into::into).collect(), ()))
        });
        match changed {
            Ok(()) if any => Ok(self.state.applied()),
            Ok(()) => Ok(Sequence(0)),
            Err(sekisho_state::CommitError::Journal(error)) => Err(error),
        }
    }

    /// A client that was let in takes its seat in its stored session, or in a new one, or in none.
    pub(crate) fn seat(
        &self,
        client_id: &ClientId,
        request: &ConnectRequest,
    ) -> Result<(Option<Seat>, Accepted, Sequence), Refusal> {
        let ConnectRequest { protocol_version, clean_start, session_expiry_s: expiry_s, .. } = *request;
        let now = self.state.now();
        let either_version = self.profile == Profile::Mqtt;
        let hello = Hello { client_id, protocol_version, either_version, clean_start, expiry_s };
        if expiry_s == 0 && self.state.read().sessions.of_client(client_id).is_none() {
            return Ok((None, Accepted::default(), Sequence(0)));
        }
        let seated = self.state.enqueue(|cores| {
            let (events, seat) = cores.sessions.connect(hello, &self.session_limits, now)?;
            Ok::<_, sekisho_sessions::Full>((events.into_iter().map(Into::into).collect(), seat))
        });
        let seat = match seated {
            Ok(seat) => seat,
            Err(sekisho_state::CommitError::Command(full)) => {
                tracing::warn!(%client_id, %full, "a client that wants a session is refused");
                return Err(Refusal::QuotaExceeded);
            }
            Err(sekisho_state::CommitError::Journal(_)) => return Err(Refusal::ServerUnavailable),
        };
        let mut accepted = Accepted { is_stored: seat.is_some(), ..Accepted::default() };
        if let Some(seat) = seat
            && let Some(stored) = self.state.read().sessions.get(seat.session)
        {
            accepted.session_present = seat.is_present;
            accepted.taken = stored.taken().collect();
            accepted.subscriptions = stored.subscriptions().map(|(filter, _)| filter.clone()).collect();
        }
        Ok((seat, accepted, self.state.applied()))
    }

    /// What a stored session is subscribed to, and rested when it was left.
    pub(crate) fn resting(&self, link: &Link) -> Vec<(TopicFilter, Grant)> {
        let Some(session) = link.session() else { return Vec::new() };
        let stored: Vec<_> = {
            let cores = self.state.read();
            let known = cores.sessions.get(session);
            known
                .into_iter()
                .flat_map(|known| known.subscriptions().map(|(filter, grant)| (filter.clone(), *grant)))
                .collect()
        };
        let broker = self.broker_mut();
        let goes_on = |filter: &TopicFilter| {
            broker.subscriptions(link.subscriber()).is_some_and(|filters| filters.contains_key(filter))
        };
        stored.into_iter().filter(|(filter, _)| !goes_on(filter)).collect()
    }

    /// Whether the account may have one subscription more; a session's own to a filter it has already is none.
    pub(crate) fn has_room_for(&self, session: &Session, filter: &TopicFilter) -> Result<(), Refusal> {
        let Limits { subscriptions, subscription_bytes, .. } = self.session_limits;
        let (load, is_held) = {
            let broker = self.broker.read().unwrap_or_else(PoisonError::into_inner);
            let held = broker.subscriptions(session.link.subscriber());
            (broker.load(), held.is_some_and(|held| held.contains_key(filter)))
        };
        let has_room = load.subscriptions < subscriptions
            && load.bytes.saturating_add(filter.subscription_bytes()) <= subscription_bytes;
        if is_held || has_room {
            return Ok(());
        }
        Err(self.refused_subscription(session, "the account has as many subscriptions as it may"))
    }

    fn refused_subscription(&self, session: &Session, reason: &str) -> Refusal {
        self.refuse(session.peer(), Some(session.client_id().as_str()), "subscribe", reason.into());
        Refusal::QuotaExceeded
    }

    /// A stored session subscribes.
    pub(crate) fn store_subscription(
        &self,
        session: &Session,
        filter: &TopicFilter,
        grant: Grant,
    ) -> Result<Sequence, Refusal> {
        let Some(seat) = &session.seat else { return Ok(Sequence(0)) };
        let mut refused = None;
        let stored = self.change_sessions(|sessions| {
            let events = sessions.subscribe(seat, filter, grant, &self.session_limits);
            events.map_err(|full| refused = Some(full)).unwrap_or_default()
        });
        match refused {
            Some(full) => Err(self.refused_subscription(session, &full.to_string())),
            None => stored.map_err(|_| Refusal::ServerUnavailable),
        }
    }

    /// It unsubscribes.
    pub(crate) fn forget_subscriptions(
        &self,
        session: &Session,
        filters: &[TopicFilter],
    ) -> Result<Sequence, JournalError> {
        let Some(seat) = &session.seat else { return Ok(Sequence(0)) };
        self.change_sessions(|sessions| sessions.unsubscribe(seat, filters))
    }

    /// A message waits for those who are to acknowledge it; what has to be durable before its publisher is told.
    pub(crate) fn queue(&self, message: Message, addressees: &[Addressee]) -> Result<Sequence, Refusal> {
        for some in addressees.chunks(RECEIVERS_PER_ENTRY) {
            let message = message.clone();
            let queued = self.state.enqueue(|cores| {
                let (event, full) = cores.sessions.queue(message, some, &self.session_limits);
                Ok::<_, std::convert::Infallible>((event.into_iter().map(Into::into).collect(), full))
            });
            let Ok(full) = queued else { return Err(Refusal::ServerUnavailable) };
            self.links.tell_stored(some.iter().map(|addressee| addressee.session));
            full.into_iter().for_each(|session| self.tell_full(session));
        }
        Ok(self.state.applied())
    }

    /// Said once, until there is room again.
    fn tell_full(&self, session: SessionId) {
        metrics::counter!("sekisho_session_messages_dropped_total").increment(1);
        if !self.told_full.lock().unwrap_or_else(PoisonError::into_inner).insert(session) {
            return;
        }
        let cores = self.state.read();
        let Some(stored) = cores.sessions.get(session) else { return };
        let reason = "its session holds as much as it may; messages for it are dropped until it acknowledges some";
        let client_id = stored.client_id().to_string();
        drop(cores);
        let decision = Decision::unavailable(self.state.now(), "queue", reason.into());
        self.decisions.record(decision.client_id(Some(&client_id)));
    }

    fn told_full_no_more(&self, session: SessionId) {
        self.told_full.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
    }

    /// What waits for a session behind `number`: up to `most` messages, and no more behind the one that reaches `bytes_most`.
    pub fn waiting(&self, session: &Session, number: u64, (most, bytes_most): (usize, usize)) -> Batch {
        let mut batch = Batch::default();
        let Some(seat) = &session.seat else { return batch };
        let (now, received_at) = (self.state.now(), Instant::now());
        let cores = self.state.read();
        let Some(stored) = cores.sessions.get(seat.session) else { return batch };
        batch.until = self.state.applied();
        let mut bytes = 0;
        for (number, waiting) in stored.after(number) {
            if batch.stored.len() >= most || bytes >= bytes_most {
                batch.more = true;
                break;
            }
            let dup = number <= stored.sent();
            let Waiting { identifier, qos, received, .. } = *waiting;
            // An exchange of QoS 2 that was begun goes on, expired or not ([MQTT-4.3.3-7]).
            let delivery = delivery(waiting, qos == QoS::ExactlyOnce && dup, now, received_at);
            bytes += delivery.as_ref().map_or(0, Delivery::bytes);
            batch.stored.push_back(Stored { number, identifier, qos, dup, received, delivery });
        }
        batch
    }

    /// The client has these, or is not to have them.
    pub fn acknowledge(&self, session: &Session, identifiers: &[PacketIdentifier]) {
        let Some(seat) = &session.seat else { return };
        if self.change_sessions(|sessions| sessions.acknowledge(seat, identifiers)).is_ok() {
            self.told_full_no_more(seat.session);
        }
    }

    /// The client has a message of QoS 2; what has to be durable before PUBREL.
    pub fn received(&self, session: &Session, identifier: PacketIdentifier) -> Result<Sequence, JournalError> {
        let Some(seat) = &session.seat else { return Ok(Sequence(0)) };
        self.change_sessions(|sessions| sessions.receive(seat, identifier))
    }

    /// The client lets go of an identifier of its own; what has to be durable before PUBCOMP.
    pub fn released(&self, session: &Session, identifier: PacketIdentifier) -> Result<Sequence, JournalError> {
        let Some(seat) = &session.seat else { return Ok(Sequence(0)) };
        self.change_sessions(|sessions| sessions.release(seat, identifier))
    }

    /// A message of QoS 2 of the client is taken, after it was routed: if a crash comes between, it is routed again.
    pub(crate) fn take(&self, session: &Session, identifier: PacketIdentifier) -> Result<Sequence, Refusal> {
        let Some(seat) = &session.seat else { return Ok(Sequence(0)) };
        self.change_sessions(|sessions| sessions.take(seat, identifier)).map_err(|_| Refusal::ServerUnavailable)
    }

    /// A connection has ended: its session stays for `expiry_s`, and may have been sent messages up to `sent`.
    pub(crate) fn leave(&self, seat: &Seat, expiry_s: u32, sent: u64) {
        let now = self.state.now();
        let _ = self.change_sessions(|sessions| sessions.leave(seat, expiry_s, sent, now));
    }

    /// Ends sessions whose time is over, until dropped.
    pub async fn expire_sessions(self: Arc<Self>) {
        loop {
            tokio::time::sleep(EXPIRE_EVERY).await;
            let now = self.state.now();
            if self.state.read().sessions.expired(now).is_empty() {
                continue;
            }
            let _ = self.change_sessions(|sessions| sessions.expired(now));
        }
    }
}

/// Whether a seat is still that of its session's latest connection.
pub(crate) fn holds(cores: &Cores, seat: &Seat) -> bool {
    cores.sessions.get(seat.session).is_some_and(|stored| stored.connection() == seat.connection)
}

/// What the client of a stored session is sent; `None` once it has expired, unless it was begun.
fn delivery(waiting: &Waiting, is_begun: bool, now: Timestamp, received_at: Instant) -> Option<Delivery> {
    let Waiting { message, retain, subscriptions, .. } = waiting;
    let Message { topic, payload, properties } = &**message;
    if !is_begun && !properties.is_live(now) {
        return None;
    }
    let topic = Utf8String::copied(topic).ok()?;
    let mut given = given_properties(properties, now);
    given.subscription_identifiers.extend(subscriptions.iter().copied().filter_map(SubscriptionIdentifier::new));
    Some(Delivery::shared(received_at, &topic, payload.clone(), Some(&given), *retain))
}
