//! A published message: one policy decision, one walk of the topic trie, then its subscribers' mailboxes and its rules.
//!
//! What comes back is the journal's sequence that has to be durable before the publisher is told that we have it.
use std::cell::{Cell, RefCell};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use sekisho_actions::Lane;
use sekisho_broker::{Subscriber, Target};
use sekisho_gate::{Delivery, IncomingPublish, Refusal};
use sekisho_journal::Sequence;
use sekisho_mqtt::{PublishProperties, QoS, SubscriptionIdentifier, Utf8String};
use sekisho_policy::{Context, Denied, Permit, PolicySet, Principal, Publish, RetainPublish, authorize_event};
use sekisho_retained::keeps;
use sekisho_sessions::Addressee;
use sekisho_shadow::ShadowTopic;
use sekisho_state::State;
use sekisho_types::{Grant, TopicName, service_not_offered};

use crate::decisions::Decision;
use crate::gateway::{Gateway, Session};
use crate::kept::kept_properties;
use crate::live_rules::Source;
use crate::peer::Peer;
use crate::provisioning::FleetTopic;
use crate::reserved::is_servers_own;
use crate::role_sessions::{Caller, authorize_data};
use crate::rule_actions::{Chain, Republished};

thread_local! {
    /// Whom the message at hand is for, kept between messages to save the allocation.
    static TARGETS: RefCell<Vec<Target>> = const { RefCell::new(Vec::new()) };
    /// Whose turn it is in groups that share a subscription, as far as this thread has routed.
    static TURN: Cell<u32> = const { Cell::new(0) };
}

/// A message that policy has let through.
pub(crate) struct Message<'a> {
    pub permit: &'a Permit<Publish>,
    /// Who is not told who does not want to hear himself.
    pub from: Option<Subscriber>,
    /// It is to be kept.
    pub retain: Option<&'a Permit<RetainPublish>>,
    pub topic: &'a Utf8String,
    pub payload: &'a Bytes,
    pub qos: QoS,
    pub properties: Option<&'a PublishProperties>,
    pub source: Source<'a>,
}

/// What became of a message.
pub(crate) struct Routed {
    /// What has to be durable before its publisher is told that we have it.
    pub owed: Sequence,
    /// Where rules have work to do for it.
    pub brought: Vec<Lane>,
}

/// That a message may be published, and kept if it is to be.
pub struct Speech {
    pub(crate) publish: Permit<Publish>,
    pub(crate) retain: Option<Permit<RetainPublish>>,
}

impl Speech {
    pub(crate) fn authorize(
        who: &Principal,
        topic: &TopicName,
        retain: bool,
        (policies, context): &(PolicySet, Context),
    ) -> Result<Self, Denied> {
        let publish = who.authorize(Publish { topic: topic.clone() }, policies, context)?;
        let is_kept = retain && keeps(topic.as_str());
        let retain = is_kept.then(|| who.authorize(RetainPublish { topic: topic.clone() }, policies, context));
        Ok(Self { publish, retain: retain.transpose()? })
    }

    /// The same for a caller of the API.
    ///
    /// # Errors
    /// Why not.
    pub fn of_caller(state: &State, caller: Caller<'_>, topic: &TopicName, retain: bool) -> Result<Self, String> {
        let publish = authorize_data(state, caller, Publish { topic: topic.clone() })?;
        let is_kept = retain && keeps(topic.as_str());
        let retain = is_kept.then(|| authorize_data(state, caller, RetainPublish { topic: topic.clone() }));
        Ok(Self { publish, retain: retain.transpose()? })
    }
}

/// A message that came over HTTP.
#[derive(Clone, Copy, Debug)]
pub struct Spoken<'a> {
    /// Where to.
    pub topic: &'a TopicName,
    /// The payload.
    pub payload: &'a Bytes,
    /// 0 or 1.
    pub qos: QoS,
    /// Whether it is to be kept.
    pub retain: bool,
    /// What MQTT5 says of it.
    pub properties: Option<&'a PublishProperties>,
}

impl Gateway {
    /// A connected device publishes. What finds no room may come again.
    pub fn publish(
        self: &Arc<Self>,
        now: Instant,
        session: &mut Session,
        publish: &IncomingPublish,
    ) -> Result<Sequence, Refusal> {
        self.check_publish_rate(now, session)?;
        let published = self.publish_at_rate(now, session, publish);
        if let Err(Refusal::NoRoom) = published {
            Self::found_no_room(session);
        }
        published
    }

    fn publish_at_rate(
        self: &Arc<Self>,
        now: Instant,
        session: &mut Session,
        publish: &IncomingPublish,
    ) -> Result<Sequence, Refusal> {
        let permit = match session.policy.publish(self.state.now(), &publish.topic) {
            Ok(permit) => permit,
            Err(denied) => return Err(self.denied(session, "publish", &denied)),
        };
        match FleetTopic::parse(&publish.topic) {
            None if is_servers_own(&publish.topic) => {
                let reason = format!("`{}` is a topic of events: only the server publishes there", &*publish.topic);
                return Err(self.turn_away(session.peer(), Some(session.client_id()), "publish", reason));
            }
            None => {}
            Some(FleetTopic::Call(call, format)) => {
                let payload = Bytes::copy_from_slice(&publish.payload);
                self.fleet(session, &publish.topic, (call, format), payload, publish.properties.as_deref());
                return Ok(Sequence(0));
            }
            Some(FleetTopic::Reply) => {
                let reason = format!("`{}` is a topic of answers: only the server publishes there", &*publish.topic);
                return Err(self.turn_away(session.peer(), Some(session.client_id()), "publish", reason));
            }
        }
        if let Some(service) = service_not_offered(&publish.topic) {
            self.tell_not_offered(now, session, &publish.topic, service);
        }
        let shadow = self.check_shadow_topic(session, &publish.topic)?;
        let is_kept = publish.retain && keeps(&publish.topic);
        let retain = is_kept.then(|| session.policy.retain_publish(self.state.now(), &publish.topic)).transpose();
        let retain = retain.map_err(|denied| self.denied(session, "publish", &denied))?;
        if self.has_enough(session) {
            return Err(Refusal::NoRoom);
        }
        if let Some((method, _)) = &shadow {
            self.admit_shadow(*method)?;
        }
        let routed = self.route(
            now,
            &Message {
                permit: &permit,
                from: Some(session.link.subscriber()),
                retain: retain.as_deref(),
                topic: &publish.topic,
                payload: &publish.payload,
                qos: publish.qos,
                properties: publish.properties.as_deref(),
                source: session.source(),
            },
        );
        let routed = routed.inspect_err(|_| {
            if !self.state.read().actions.has_room(&self.rule_work_limits) {
                session.brings = vec![None];
            }
        })?;
        session.brings = routed.brought.into_iter().map(Some).collect();
        let handled = match shadow {
            Some((method, shadow)) => {
                let queue = self.shadow_tidings.turn_of_admitted();
                self.handle_shadow(queue, method, &shadow, &publish.payload)?
            }
            None => Sequence(0),
        };
        let taken = match publish.packet_identifier.filter(|_| publish.qos == QoS::ExactlyOnce) {
            Some(packet_identifier) => self.take(session, packet_identifier)?,
            None => Sequence(0),
        };
        Ok(routed.owed.max(handled).max(taken))
    }

    /// Its message is on its way to subscribers and rules as any; it asked for more than there is.
    fn tell_not_offered(&self, now: Instant, session: &mut Session, topic: &str, service: &str) {
        if !session.rates.told_unanswered.again(now) {
            return;
        }
        let reason = format!("`{topic}` asks {service}, which this server does not have: nobody answers");
        let decision = Decision::unavailable(self.state.now(), "publish", reason).of(session.peer());
        self.decisions.record(decision.client_id(Some(session.client_id().as_str())));
    }

    /// Who may publish over HTTPS, and have it kept if that is wanted: there is no client id and no thing.
    fn authorize_https(&self, peer: &Peer, topic: &TopicName, retain: bool) -> Result<Speech, Refusal> {
        let explain = |step, reason| self.turn_away(peer, None, step, reason);
        let who = self.identify(peer).map_err(|reason| explain("identity", reason))?;
        let policies = self.policies(&who, None, peer, false, false);
        let speech = Speech::authorize(&who, topic, retain, &policies);
        speech.map_err(|denied| explain("publish", denied.to_string()))
    }

    /// Whether a device may publish over HTTPS, asked before its payload is read.
    pub fn may_publish_https(&self, peer: &Peer, topic: &TopicName, retain: bool) -> Result<(), Refusal> {
        self.authorize_https(peer, topic, retain).map(drop)
    }

    /// A device publishes over HTTPS: with its certificate, or known to a custom authorizer.
    pub fn publish_https(&self, now: Instant, peer: &Peer, spoken: Spoken<'_>) -> Result<Sequence, Refusal> {
        let Speech { publish, retain } = self.authorize_https(peer, spoken.topic, spoken.retain)?;
        let principal = &self.principal_of(peer);
        let address = Some(peer.address.ip());
        let source = Source { certificate_id: publish.principal(), client_id: None, thing: None, principal, address };
        self.speak(now, spoken, &publish, retain.as_ref(), source)
    }

    /// What may be published over HTTP is: by a device, or by a caller of the API.
    pub fn publish_spoken(&self, now: Instant, speech: &Speech, spoken: Spoken<'_>) -> Result<Sequence, Refusal> {
        let Speech { publish, retain } = speech;
        let Some(certificate_id) = publish.principal() else {
            return self.speak(now, spoken, publish, retain.as_ref(), self.account());
        };
        let principal = &certificate_id.to_string();
        let certificate_id = Some(certificate_id);
        let source = Source { certificate_id, client_id: None, thing: None, principal, address: None };
        self.speak(now, spoken, publish, retain.as_ref(), source)
    }

    fn speak(
        &self,
        now: Instant,
        spoken: Spoken<'_>,
        permit: &Permit<Publish>,
        retain: Option<&Permit<RetainPublish>>,
        source: Source<'_>,
    ) -> Result<Sequence, Refusal> {
        let Spoken { topic, payload, qos, retain: _, properties } = spoken;
        let topic = Utf8String::copied(topic.as_str()).map_err(|_| Refusal::NotAuthorized)?;
        let message = Message { permit, from: None, retain, topic: &topic, payload, qos, properties, source };
        self.route(now, &message).map(|routed| routed.owed)
    }

    /// The server tells what happened in it, on `$aws/events/…`, and to things, on `$aws/things/…`.
    pub(crate) fn publish_service(&self, topic: &TopicName, payload: &Bytes) -> Result<Sequence, Refusal> {
        let permit = authorize_event(topic.clone()).ok_or(Refusal::NotAuthorized)?;
        let topic = Utf8String::copied(topic.as_str()).map_err(|_| Refusal::NotAuthorized)?;
        let source = self.account();
        let (now, qos) = (Instant::now(), QoS::AtLeastOnce);
        let (permit, topic, retain) = (&permit, &topic, None);
        let message = Message { permit, from: None, retain, topic, payload, qos, properties: None, source };
        self.route(now, &message).map(|routed| routed.owed)
    }

    /// The account itself speaks: its operator, or the server.
    fn account(&self) -> Source<'_> {
        let principal = self.state.tenant().account.as_str();
        Source { certificate_id: None, client_id: None, thing: None, principal, address: None }
    }

    /// A message to its subscribers and rules, and then what rules make of it.
    pub(crate) fn route(&self, now: Instant, message: &Message<'_>) -> Result<Routed, Refusal> {
        let mut chain = Chain::default();
        let owed = self.route_one(now, message, &mut chain)?;
        let owed = owed.max(self.route_chain(now, &mut chain)?);
        Ok(Routed { owed, brought: chain.brought })
    }

    /// What rules republish, in their order.
    pub(crate) fn route_chain(&self, now: Instant, chain: &mut Chain) -> Result<Sequence, Refusal> {
        let mut owed = Sequence(0);
        while let Some(Republished { permit, payload, qos, properties, .. }) = chain.next() {
            let topic = Utf8String::copied(permit.action().topic.as_str()).map_err(|_| Refusal::TopicNameInvalid)?;
            let (source, properties) = (self.account(), Some(&properties));
            let (permit, topic, payload, retain) = (&permit, &topic, &payload, None);
            let message = Message { permit, from: None, retain, topic, payload, qos, properties, source };
            owed = owed.max(self.route_one(now, &message, chain)?);
            if let Some(ShadowTopic::Call(method, shadow)) = ShadowTopic::parse(topic) {
                // It was let in with the message that began it, which is not to come again for this.
                match self.shadow_tidings.turn() {
                    Some(queue) => owed = owed.max(self.handle_shadow(queue, method, &shadow, payload)?),
                    None => {
                        tracing::warn!(
                            topic = &**topic,
                            "a rule's request for a shadow is dropped: too many answers wait"
                        );
                        metrics::counter!("sekisho_shadow_requests_dropped_total").increment(1);
                    }
                }
            }
        }
        Ok(owed)
    }

    fn route_one(&self, now: Instant, message: &Message<'_>, chain: &mut Chain) -> Result<Sequence, Refusal> {
        // Kept first: whoever subscribes from here on is given it from there, whoever has subscribed is told below.
        let kept = message.retain.map(|permit| self.keep(permit, message)).transpose()?.unwrap_or_default();
        TARGETS.with_borrow_mut(|targets| {
            // Spread, so that no pattern of topics gives one member of a group all the turns (the golden ratio, Knuth 6.4).
            let turn = TURN.get().wrapping_mul(0x9E37_79B9) >> 8;
            TURN.set(TURN.get().wrapping_add(1));
            let broker = self.broker.read().unwrap_or_else(PoisonError::into_inner);
            broker.publish(message.permit, message.from, turn, targets);
            drop(broker);
            self.route_to(now, message, targets, chain).map(|owed| owed.max(kept))
        })
    }

    fn route_to(
        &self,
        now: Instant,
        message: &Message<'_>,
        targets: &[Target],
        chain: &mut Chain,
    ) -> Result<Sequence, Refusal> {
        let (mut in_mailboxes, mut rules, mut stored) = (false, false, Vec::new());
        for target in targets {
            match target {
                Target::Subscriber { subscriber, grant, identifiers } => match (subscriber, grant.qos.min(message.qos))
                {
                    (Subscriber::Connection(_), _) | (_, QoS::AtMostOnce) => in_mailboxes = true,
                    (Subscriber::Session(session), qos) => {
                        let retain = message.is_told_as_retained(grant);
                        let subscriptions = identifiers.as_slice().into();
                        stored.push(Addressee { session: *session, qos, retain, subscriptions });
                    }
                },
                Target::Rule(_) => rules = true,
            }
        }
        if !stored.is_empty() {
            self.admit(targets, chain)?;
        }
        let mut owed = if rules { self.run_rules(message, targets, chain)? } else { Sequence(0) };
        if !stored.is_empty() {
            owed = owed.max(self.queue(message.kept(self.state.now()), &stored)?);
        }
        if in_mailboxes {
            let mut known: Option<(&[u32], bool, Arc<Delivery>)> = None;
            self.links.deliver(targets, message.qos, |grant, identifiers| {
                let retain = message.is_told_as_retained(grant);
                match &known {
                    Some((of, retained, delivery)) if (*of, *retained) == (identifiers, retain) => delivery.clone(),
                    _ => {
                        let delivery = Arc::new(message.delivery(now, identifiers, retain));
                        known = Some((identifiers, retain, delivery.clone()));
                        delivery
                    }
                }
            });
        }
        Ok(owed)
    }
}

impl Message<'_> {
    /// Live messages are told without RETAIN, except to who wants to know how they were published ([MQTT-3.3.1-12], [MQTT-3.3.1-13]).
    fn is_told_as_retained(&self, grant: &Grant) -> bool {
        grant.retain_as_published && self.retain.is_some()
    }

    fn delivery(&self, now: Instant, identifiers: &[u32], retain: bool) -> Delivery {
        if identifiers.is_empty() {
            return Delivery::new(now, self.topic, self.payload, self.properties, retain);
        }
        let mut properties = self.properties.cloned().unwrap_or_default();
        properties.subscription_identifiers.extend(identifiers.iter().copied().filter_map(SubscriptionIdentifier::new));
        Delivery::new(now, self.topic, self.payload, Some(&properties), retain)
    }

    /// As it waits in stored sessions: it outlives the buffer it came in.
    fn kept(&self, now: sekisho_types::Timestamp) -> sekisho_sessions::Message {
        sekisho_sessions::Message {
            topic: self.topic.to_string(),
            payload: Bytes::copy_from_slice(self.payload),
            properties: self.properties.map(|properties| kept_properties(properties, now)).unwrap_or_default(),
        }
    }
}
