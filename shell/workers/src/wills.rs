//! Wills: what is published for clients that went without saying goodbye, at once or after a while.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sekisho_delivery::Backoff;
use sekisho_gate::{Refusal, Will};
use sekisho_journal::Sequence;
use sekisho_mqtt::{PublishProperties, Utf8String, WillProperties};
use sekisho_policy::SessionPolicy;
use sekisho_retained::keeps;
use sekisho_sessions::Seat;
use sekisho_types::{SessionId, Timestamp};
use tokio::sync::oneshot;

use crate::gateway::{Gateway, Session};
use crate::provisioning::FleetTopic;
use crate::publish::{Message, Speech};
use crate::reserved::is_servers_own;
use crate::shadow::is_shadows_own;
use crate::weight::{Total, Weight};

/// Bytes of all wills: those of connections, and those that wait. And then: a CONNECT that brings one over [`WILL_SHARE_BYTES`] is
/// refused, v5 with 0x97.
pub const WILLS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What a will may weigh however much the others do, so that few with large ones do not keep out the many with small ones. There are no
/// more of these than connections and stored sessions.
pub const WILL_SHARE_BYTES: usize = 1024;

/// A will that is kept, and weighs until it is dropped.
#[derive(Debug)]
pub struct KeptWill {
    will: Will,
    _weight: Weight,
}

/// What happens to a will that waits.
enum Fate {
    /// Its session has ended before.
    Publish,
    /// Its client is back ([MQTT-3.1.3-9]), or the will is not wanted.
    Forget,
}

/// Wills that wait for their delay, or for their session's end; of a session, one: that of its latest connection.
#[derive(Default)]
pub(crate) struct Wills {
    waiting: Mutex<HashMap<SessionId, Waits>>,
    /// Bytes of all that are kept.
    kept: Total,
}

struct Waits {
    /// The how-many-eth connection of the session it is of.
    connection: u64,
    fate: oneshot::Sender<Fate>,
}

impl Wills {
    /// Keeps one, if there is room for it.
    pub(crate) fn keep(&self, will: Will) -> Option<KeptWill> {
        let bytes = will.bytes();
        let weight = self.kept.weigh(bytes); // gives back what it does not get
        (bytes <= WILL_SHARE_BYTES || weight.total() <= WILLS_BYTES_MAX).then_some(KeptWill { will, _weight: weight })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Waits>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of this seat's connection waits, unless one of a later does.
    fn wait(&self, seat: &Seat) -> Option<oneshot::Receiver<Fate>> {
        let (sender, fate) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.get(&seat.session).is_some_and(|waits| waits.connection > seat.connection) {
            return None;
        }
        waiting.insert(seat.session, Waits { connection: seat.connection, fate: sender });
        Some(fate)
    }

    /// That of this seat's connection waits no more.
    fn take(&self, seat: &Seat) {
        let mut waiting = self.lock();
        if waiting.get(&seat.session).is_some_and(|waits| waits.connection == seat.connection) {
            waiting.remove(&seat.session);
        }
    }

    fn decide(&self, session: SessionId, fate: Fate) {
        let waits = self.lock().remove(&session);
        if let Some(waits) = waits {
            let _ = waits.fate.send(fate);
        }
    }

    /// A will that waits for the session's end has its time.
    pub(crate) fn session_ended(&self, session: SessionId) {
        self.decide(session, Fate::Publish);
    }

    /// A will that waits is not published.
    pub(crate) fn forget(&self, session: SessionId) {
        self.decide(session, Fate::Forget);
    }
}

/// Whether somebody who connects may have a will, and have it kept if that is wanted.
pub(crate) fn check_will(policy: &mut SessionPolicy, will: &Will, now: Timestamp) -> Result<(), String> {
    let topic = will.topic.as_str();
    if is_servers_own(topic) || FleetTopic::parse(topic).is_some() || is_shadows_own(topic) {
        return Err(format!("`{topic}` is no topic for a will"));
    }
    policy.publish(now, topic).map_err(|denied| denied.to_string())?;
    if will.retain && keeps(topic) {
        policy.retain_publish(now, topic).map_err(|denied| denied.to_string())?;
    }
    Ok(())
}

impl Gateway {
    /// A connection ended in a way that publishes its will: at once, or when its delay or its session is over, whichever is first
    /// ([MQTT-3.1.2-8], [MQTT-3.1.3-9]). One that waits is lost if the server stops; MQTT lets it choose (§3.1.2.5).
    /// One that would wait is not, if another connection has taken the session meanwhile: its client is back.
    pub fn will_of(self: &Arc<Self>, mut session: Session, kept: KeptWill, expiry_s: u32) {
        let delay_s =
            kept.will.properties.as_deref().and_then(|properties| properties.will_delay_interval_s).unwrap_or(0);
        let delay_s = delay_s.min(expiry_s);
        let Some(seat) = session.seat.filter(|_| delay_s > 0) else { return self.will_now(session, kept) };
        let Some(fate) = self.wills.wait(&seat) else { return };
        // Another connection may have taken the session meanwhile, or ended it: nobody would tell us any more.
        match self.state.read().sessions.get(seat.session) {
            Some(stored) if stored.connection() != seat.connection => return self.wills.take(&seat),
            Some(_) => {}
            None => self.wills.session_ended(seat.session),
        }
        session.rest(); // it may wait long
        let gateway = self.clone();
        tokio::spawn(async move {
            let delay = tokio::time::sleep(Duration::from_secs(delay_s.into()));
            let fate = tokio::select! {
                biased;
                fate = fate => fate.unwrap_or(Fate::Forget),
                () = delay => Fate::Publish,
            };
            if let Fate::Publish = fate {
                gateway.wills.take(&seat);
                gateway.will_now(session, kept);
            }
        });
    }

    /// Publishes a will, or tries again until there is room for what has to be kept of it.
    fn will_now(self: &Arc<Self>, session: Session, kept: KeptWill) {
        let Err(Refusal::NoRoom) = self.publish_will(Instant::now(), &session, &kept.will) else { return };
        let gateway = self.clone();
        tokio::spawn(async move {
            let mut backoff = Backoff::default();
            let mut published = Err(Refusal::NoRoom);
            while let Err(Refusal::NoRoom) = published {
                tokio::time::sleep(backoff.handle_failure(&mut gateway.state.random())).await;
                published = gateway.publish_will(Instant::now(), &session, &kept.will);
            }
        });
    }

    /// A will, authorized when its client connected; and again, because that may be long ago.
    fn publish_will(&self, now: Instant, session: &Session, will: &Will) -> Result<Sequence, Refusal> {
        if self.ignores_will(session, will.topic.as_str()) {
            return Ok(Sequence(0));
        }
        let Speech { publish: permit, retain } = &self.authorize_will(session, will)?;
        let topic = Utf8String::copied(will.topic.as_str()).map_err(|_| Refusal::NotAuthorized)?;
        let properties = will.properties.as_deref().map(said_of_will);
        let message = Message {
            permit,
            from: Some(session.link.subscriber()),
            retain: retain.as_ref(),
            topic: &topic,
            payload: &will.payload,
            qos: will.qos,
            properties: properties.as_ref(),
            source: session.source(),
        };
        self.route(now, &message).map(|routed| routed.owed)
    }

    /// Whether a will may still be published, and kept: its certificate or policies may have changed since CONNECT.
    fn authorize_will(&self, session: &Session, will: &Will) -> Result<Speech, Refusal> {
        let explain = |reason| self.turn_away(session.peer(), Some(session.client_id()), "will", reason);
        let who = self.identify(session.peer()).map_err(explain)?;
        let speech = Speech::authorize(&who, &will.topic, will.retain, &self.policies_of(session));
        speech.map_err(|denied| explain(denied.to_string()))
    }
}

/// What a will's receivers are told of it.
fn said_of_will(will: &WillProperties) -> PublishProperties {
    PublishProperties {
        payload_format_indicator: will.payload_format_indicator,
        message_expiry_interval_s: will.message_expiry_interval_s,
        content_type: will.content_type.clone(),
        response_topic: will.response_topic.clone(),
        correlation_data: will.correlation_data.clone(),
        user_properties: will.user_properties.clone(),
        ..PublishProperties::default()
    }
}

#[cfg(test)]
mod tests {
    use sekisho_mqtt::{QoS, UserProperty};
    use sekisho_types::TopicName;

    use super::*;

    fn will(pairs: usize) -> Will {
        let text = |text: &str| Utf8String::copied(text).unwrap();
        let pair = UserProperty { name: text("a"), value: text("b") };
        let properties = WillProperties { user_properties: vec![pair; pairs], ..WillProperties::default() };
        let topic = TopicName::parse("gone").unwrap();
        let properties = Some(Box::new(properties));
        Will { topic, payload: "x".into(), qos: QoS::AtMostOnce, retain: false, properties }
    }

    /// A connection that lingered after another had taken its session, which has ended since with a will of its own.
    #[test]
    fn the_will_of_a_sessions_latest_connection_waits() {
        let wills = Wills::default();
        let session = SessionId(7);
        let seat = |connection| Seat { session, connection, is_present: true };
        let mut second = wills.wait(&seat(2)).unwrap();
        assert!(wills.wait(&seat(1)).is_none(), "it is an older connection's");
        wills.take(&seat(1));
        assert!(second.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        let mut third = wills.wait(&seat(3)).unwrap();
        assert!(matches!(second.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        wills.session_ended(session);
        assert!(matches!(third.try_recv(), Ok(Fate::Publish)));
    }

    #[test]
    fn large_wills_are_kept_while_there_is_room_and_small_ones_always() {
        let wills = Wills::default();
        let mut kept = Vec::new();
        while let Some(will) = wills.keep(will(20_000)) {
            kept.push(will);
        }
        assert!((90..110).contains(&kept.len()), "2.5 MB each: {}", kept.len());
        let full = wills.kept.bytes();
        assert!(full <= WILLS_BYTES_MAX, "what is refused gives back");
        let small = wills.keep(will(1)).expect("a share for everybody");
        kept.pop();
        let large = wills.keep(will(20_000)).expect("one has gone, one comes");
        assert_eq!(wills.kept.bytes(), full + small.will.bytes());
        drop((kept, small, large));
        assert_eq!(wills.kept.bytes(), 0);
    }
}
