//! Wills: what is published for clients that went without saying goodbye, at once or after a while.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sekisho_gate::{Refusal, Will};
use sekisho_journal::Sequence;
use sekisho_mqtt::{PublishProperties, Utf8String, WillProperties};
use sekisho_policy::SessionPolicy;
use sekisho_retained::keeps;
use sekisho_types::{SessionId, Timestamp};
use tokio::sync::oneshot;

use crate::gateway::{Gateway, Session, is_servers_own};
use crate::provisioning::FleetTopic;
use crate::publish::{Message, Speech};
use crate::shadow::is_shadows_own;

/// What happens to a will that waits.
enum Fate {
    /// Its session has ended before.
    Publish,
    /// Its client is back ([MQTT-3.1.3-9]), or the will is not wanted.
    Forget,
}

/// Wills that wait for their delay, or for their session's end; of a session, one.
#[derive(Default)]
pub(crate) struct Wills(Mutex<HashMap<SessionId, oneshot::Sender<Fate>>>);

impl Wills {
    fn wait(&self, session: SessionId) -> oneshot::Receiver<Fate> {
        let (sender, fate) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(session, sender);
        fate
    }

    fn take(&self, session: SessionId) -> Option<oneshot::Sender<Fate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&session)
    }

    fn decide(&self, session: SessionId, fate: Fate) {
        if let Some(will) = self.take(session) {
            let _ = will.send(fate);
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
    pub fn will_of(self: &Arc<Self>, session: Session, will: Will, expiry_s: u32) {
        let delay_s = will.properties.as_deref().and_then(|properties| properties.will_delay_interval_s).unwrap_or(0);
        let delay_s = delay_s.min(expiry_s);
        let Some(seat) = session.seat.filter(|_| delay_s > 0) else {
            let _ = self.publish_will(Instant::now(), &session, &will);
            return;
        };
        let fate = self.wills.wait(seat.session);
        // Another connection may have taken the session meanwhile, or ended it: nobody would tell us any more.
        match self.state.read().sessions.get(seat.session) {
            Some(stored) if stored.is_connected() => self.wills.forget(seat.session),
            Some(_) => {}
            None => self.wills.session_ended(seat.session),
        }
        let gateway = self.clone();
        tokio::spawn(async move {
            let delay = tokio::time::sleep(Duration::from_secs(delay_s.into()));
            let fate = tokio::select! {
                biased;
                fate = fate => fate.unwrap_or(Fate::Forget),
                () = delay => Fate::Publish,
            };
            if let Fate::Publish = fate {
                gateway.wills.take(seat.session);
                let _ = gateway.publish_will(Instant::now(), &session, &will);
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
