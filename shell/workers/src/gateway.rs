//! The gateway: joins identity, policy, broker, rules and delivery, which do not know each other.
//!
//! A connection asks it to connect, publish, subscribe; each step takes the proof the step before it returned.
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use sekisho_actions::{Lane, Limits as RuleWorkLimits};
use sekisho_broker::{Broker, ConnectionId, Subscriber};
use sekisho_gate::{Accepted, CloseReason, ConnectRequest, Refusal, Settings, SubscribeRequest, UnsubscribeRequest};
use sekisho_identity::CertificateStatus;
use sekisho_journal::{JournalError, Sequence};
use sekisho_mqtt::QoS;
use sekisho_policy::{Action, Connect, Context, Denied, Permit, PolicySet, Principal, SessionPolicy};
use sekisho_registry::Affected;
use sekisho_sessions::{Limits, Seat};
use sekisho_state::{Cores, Event, State};
use sekisho_types::{CertificateId, ClientId, Grant, Random, SessionId, ThingName, Timestamp, TopicFilter};
use tokio::sync::Semaphore;

use crate::custom::Authorizers;
use crate::decisions::{Decision, Decisions};
use crate::delivery::DeliveryStreams;
use crate::functions::Functions;
use crate::lifecycle::{Change, Versions};
use crate::links::{Link, Links, UNSENT_SHARE_BYTES};
use crate::live_rules::{LiveRules, Source};
use crate::peer::{Credential, DomainName, Peer};
use crate::profile::Profile;
use crate::provisioning::{Issuing, first_connections_bound, fleet_bound};
use crate::rates::{ConnectRates, MessageRates};
use crate::rule_actions::{Due, Room};
use crate::schemas::Schemas;
use crate::sessions::holds;
use crate::tidings::Tidings;
use crate::weight::{Total, Weight};
use crate::wills::{KeptWill, Wills, check_will};

/// Everything a message passes between its device and the journal.
pub struct Gateway {
    pub(crate) state: Arc<State>,
    pub(crate) broker: RwLock<Broker>,
    pub(crate) links: Links,
    /// What clients have sent that is unfinished.
    undecoded: Total,
    /// Sessions of which was said that they are full.
    pub(crate) told_full: Mutex<HashSet<SessionId>>,
    /// Clients are let in one after the other, so that of two the later stays.
    connecting: Mutex<()>,
    pub(crate) wills: Wills,
    pub(crate) profile: Profile,
    pub(crate) rules: LiveRules,
    /// Work of rules nobody has looked at yet.
    pub(crate) due: Due,
    pub(crate) room: Room,
    pub(crate) schemas: Schemas,
    pub(crate) streams: Arc<DeliveryStreams>,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) issuing: Arc<Issuing>,
    pub(crate) functions: Arc<Functions>,
    pub(crate) authorizers: Arc<Authorizers>,
    pub(crate) admit_first_connection: bool,
    hostnames: Vec<Arc<str>>,
    pub(crate) first_connections: Arc<Semaphore>,
    pub(crate) fleet_calls: Arc<Semaphore>,
    pub(crate) shadow_tidings: Tidings,
    pub(crate) events: Tidings,
    pub(crate) versions: Mutex<Versions>,
    pub(crate) connect_rates: Mutex<ConnectRates>,
    settings: Arc<Settings>,
    pub(crate) session_limits: Limits,
    pub(crate) rule_work_limits: RuleWorkLimits,
}

/// What a gateway is made of.
pub struct Parts {
    /// Whose word counts.
    pub profile: Profile,
    /// What a connection is held to.
    pub settings: Settings,
    /// How much stored sessions hold.
    pub session_limits: Limits,
    /// How much work of rules may wait.
    pub rule_work_limits: RuleWorkLimits,
    /// The account's state.
    pub state: Arc<State>,
    /// Where rules put records.
    pub streams: Arc<DeliveryStreams>,
    /// Where refusals are kept.
    pub decisions: Arc<Decisions>,
    /// Who signs devices' certificates.
    pub issuing: Arc<Issuing>,
    /// Who is asked before a device is provisioned.
    pub functions: Arc<Functions>,
    /// Who asks custom authorizers.
    pub authorizers: Arc<Authorizers>,
    /// Whether a device that was just provisioned by its first connection is let in by the same.
    pub admit_first_connection: bool,
    /// The names devices may call it by.
    pub hostnames: Vec<String>,
}

/// A connected device.
pub struct Session {
    pub(crate) policy: SessionPolicy,
    pub(crate) link: Arc<Link>,
    pub(crate) client_id: ClientId,
    /// Its hold on its stored session, if it has one.
    pub(crate) seat: Option<Seat>,
    /// How long that stays, as CONNECT said.
    expiry_s: u32,
    /// Whether it has a will, which may be published when the connection ends.
    pub(crate) has_will: bool,
    /// Subscriptions that no policy allows any more. Few: the gate bounds them with those that go on.
    resting: Vec<(TopicFilter, Grant)>,
    persistent: bool,
    pub(crate) rates: MessageRates,
    /// Where its last message brought work to rules, and the next may bring some; `None` is one that found no room for it.
    pub(crate) brings: Vec<Option<Lane>>,
    /// What lifecycle events call the connection.
    pub(crate) identifier: [u8; 16],
}

/// A device that was let in.
pub struct Connected {
    /// It.
    pub session: Session,
    /// What it is told.
    pub accepted: Accepted,
    /// What has to be durable before.
    pub owed: Sequence,
    /// What is to be published if it goes without saying goodbye.
    pub will: Option<KeptWill>,
}

impl Session {
    /// The connection as the broker sees it.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The client id it connected with.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Who speaks, as rules see it.
    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            certificate_id: self.policy.who().certificate_id(),
            client_id: Some(self.client_id.as_str()),
            thing: self.policy.thing().map(ThingName::as_str),
            principal: self.link.principal(),
            address: Some(self.peer().address.ip()),
        }
    }

    /// It has ended, and is kept for its will: what it remembers is not.
    pub(crate) fn rest(&mut self) {
        self.policy.forget();
        (self.resting, self.brings) = (Vec::new(), Vec::new());
    }

    /// Where it comes from.
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.link.peer
    }
}

impl Gateway {
    /// A gateway over the present state; [`Gateway::follow`] keeps it up to date.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            profile,
            settings,
            session_limits,
            rule_work_limits,
            state,
            streams,
            decisions,
            issuing,
            functions,
            authorizers,
            admit_first_connection,
            hostnames,
        } = parts;
        let gateway = Self {
            broker: RwLock::new(Broker::new(profile.hash_match())),
            links: Links::default(),
            undecoded: Total::default(),
            told_full: Mutex::default(),
            connecting: Mutex::default(),
            wills: Wills::default(),
            profile,
            rules: LiveRules::default(),
            due: Due::default(),
            room: Room::default(),
            schemas: Schemas::default(),
            state,
            streams,
            decisions,
            issuing,
            functions,
            authorizers,
            admit_first_connection,
            hostnames: hostnames.into_iter().map(Into::into).collect(),
            first_connections: first_connections_bound(),
            fleet_calls: fleet_bound(),
            shadow_tidings: Tidings::default(),
            events: Tidings::default(),
            versions: Mutex::default(),
            connect_rates: Mutex::default(),
            settings: Arc::new(settings),
            session_limits,
            rule_work_limits,
        };
        gateway.rules.replace(&gateway.state.read(), &mut gateway.broker_mut());
        gateway.restore_sessions();
        gateway.restore_work();
        gateway
    }

    pub(crate) fn broker_mut(&self) -> std::sync::RwLockWriteGuard<'_, Broker> {
        self.broker.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what changed: rules are exchanged, and the connections a change concerns look at themselves again.
    pub fn follow(&self, events: &[Event], cores: &Cores) {
        for event in events {
            if self.rules.concerns(event) {
                self.rules.replace(cores, &mut self.broker_mut());
            }
            if let Event::Sessions(event) = event {
                self.follow_sessions(event);
            }
            let Event::Registry(event) = event else { continue };
            match cores.registry.affected(event) {
                Affected::None => {}
                Affected::Certificates(certificates) => self.links.changed(&certificates),
                Affected::Client(thing_name) => self.client_changed(&thing_name),
                Affected::Authorizer(name) => self.links.authorizer_changed(&name),
                Affected::Rules => self.rules.replace(cores, &mut self.broker_mut()),
            }
        }
    }

    fn client_changed(&self, thing_name: &ThingName) {
        let Ok(client_id) = ClientId::parse(thing_name.as_str()) else { return };
        if let Some(link) = self.link_of(&client_id) {
            link.signal(|signals| signals.changed = true);
        }
    }

    /// The server's name that a client has called, if it is one: TLS asks for it without regard to letter case (RFC 6066 §3).
    pub fn domain_name(&self, called: &str) -> Option<DomainName> {
        self.hostnames.iter().position(|known| known.eq_ignore_ascii_case(called)).map(DomainName)
    }

    /// All live connections.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// What each connection is held to.
    pub const fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The state behind it.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The certificate a name stands for: its id, or a thing's first one that is let in.
    pub fn certificate_of(&self, name: &str) -> Option<CertificateId> {
        if let Ok(certificate_id) = CertificateId::parse(name) {
            return Some(certificate_id);
        }
        let (thing, now) = (ThingName::parse(name).ok()?, self.state.now());
        let cores = self.state.read();
        let mut certificates = cores.registry.certificates_of_thing(&thing);
        certificates.find(|certificate_id| cores.registry.identify(*certificate_id, now).is_ok())
    }

    /// Whether a certificate is one that a first connection may register or provision: ask [`Gateway::first_connection`]
    /// then, and not [`Gateway::connect`].
    pub fn is_first_connection(&self, peer: &Peer) -> bool {
        let Some(certificate_id) = peer.certificate_id() else { return false };
        let cores = self.state.read();
        match cores.registry.certificate(certificate_id) {
            Ok(known) => known.status == CertificateStatus::PendingActivation,
            Err(_) => cores.registry.claim(certificate_id).is_none(),
        }
    }

    /// Lets a device in, or says why not. On success the client id is this connection's, and whoever had it is told.
    pub fn connect(
        &self,
        id: ConnectionId,
        peer: &Arc<Peer>,
        mut request: ConnectRequest,
    ) -> Result<Connected, Refusal> {
        let client_id = match &request.client_id {
            Some(client_id) => client_id.clone(),
            None => self.assigned_client_id(),
        };
        let explain = |step, reason| self.turn_away(peer, Some(&client_id), step, reason);
        let who = self.identify(peer).map_err(|reason| explain("identity", reason))?;
        let (policies, context) =
            self.policies(&who, Some(&client_id), peer, request.persistent, request.will.is_some());
        let permit = who.authorize(Connect { client_id: client_id.clone() }, &policies, &context);
        let permit = permit.map_err(|denied| {
            self.tell_connect_failed(peer, &client_id);
            explain("connect", denied.to_string())
        })?;
        self.check_connect_rate(&client_id).map_err(|reason| {
            explain("connect", reason);
            Refusal::QuotaExceeded
        })?;
        let mut policy = SessionPolicy::new(who, policies, context);
        if let Some(will) = &request.will {
            check_will(&mut policy, will, self.state.now()).map_err(|reason| explain("connect", reason))?;
        }
        let has_will = request.will.is_some();
        let will = request.will.take().map(|will| self.wills.keep(will).ok_or(Refusal::QuotaExceeded)).transpose();
        let will = will.inspect_err(|_| {
            explain("connect", "its will is large, and wills weigh as much as they may".into());
        })?;
        let turn = self.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.link_of(&client_id).is_some_and(|link| link.id > id) {
            explain("connect", "the client is back already, on a connection that came after this one".into());
            return Err(Refusal::ServerUnavailable);
        }
        let (seat, mut accepted, owed) = self.seat(&client_id, &request)?;
        let link = self.open_link(id, peer);
        let before = seat.and_then(|seat| self.links.attach(&link, seat));
        let cores = self.state.read(); // until the broker knows: nobody takes the session, or ends it, in between
        let older = if seat.is_none_or(|seat| holds(&cores, &seat)) {
            let older = self.broker_mut().connect(&permit, link.subscriber());
            older.filter(|older| *older != link.subscriber())
        } else {
            link.signal(|signals| signals.taken_over = true); // the client is back already, on another connection
            None
        };
        drop((cores, turn));
        let older = older.and_then(|older| self.links.taken_over(older)).or(before);
        self.begin(&link, &client_id, &request, older.as_deref());
        accepted.assigned_client_id = request.client_id.is_none().then(|| client_id.clone());
        let (persistent, expiry_s) = (request.persistent, request.session_expiry_s);
        let resting = self.resting(&link);
        let identifier = self.state.random().array();
        let mut session = Session {
            policy,
            link,
            client_id,
            seat,
            expiry_s,
            has_will,
            resting,
            persistent,
            rates: MessageRates::default(),
            brings: Vec::new(),
            identifier,
        };
        self.tell_connected(&session, owed);
        // Whoever changed certificate or policy between the look-up and the link's appearance did not see the link.
        match self.reconsider(&mut session) {
            Ok(()) => Ok(Connected { session, accepted, owed, will }),
            Err(refusal) => {
                self.disconnect(&session, None, CloseReason::AuthError);
                Err(refusal)
            }
        }
    }

    /// Whether a session may stay after something about it changed; its policies are exchanged.
    pub fn reconsider(&self, session: &mut Session) -> Result<(), Refusal> {
        self.reconsider_identity(session)?;
        let (policies, context) = self.policies_of(session);
        let connect = Connect { client_id: session.client_id.clone() };
        if let Err(denied) = session.policy.who().authorize(connect, &policies, &context) {
            return Err(self.denied(session, "connect", &denied));
        }
        session.policy.replace(policies, context);
        // Another connection's are its own to reconsider.
        if session.seat.is_none_or(|seat| holds(&self.state.read(), &seat)) {
            self.reconsider_subscriptions(session);
        }
        Ok(())
    }

    fn reconsider_identity(&self, session: &Session) -> Result<(), Refusal> {
        self.identify(session.peer())
            .map(drop)
            .map_err(|reason| self.turn_away(session.peer(), Some(&session.client_id), "identity", reason))
    }

    /// Subscriptions that no policy allows any more rest, and go on once one does again: MQTT has no way to tell a client that it
    /// has lost one, so it would not ask. A stored session keeps them.
    fn reconsider_subscriptions(&self, session: &mut Session) {
        let (now, subscriber) = (self.state.now(), session.link.subscriber());
        let mut lost = Vec::new();
        let mut broker = self.broker_mut();
        let held = broker.subscriptions(subscriber).cloned().unwrap_or_default();
        for (filter, grant) in std::mem::take(&mut session.resting) {
            match session.policy.subscribe(now, &filter) {
                Ok(permit) => {
                    broker.subscribe(subscriber, &permit, grant);
                }
                Err(_) => session.resting.push((filter, grant)),
            }
        }
        for (filter, grant) in held {
            if let Err(denied) = session.policy.subscribe(now, &filter) {
                broker.unsubscribe(subscriber, &filter);
                session.resting.push((filter, grant));
                lost.push(denied);
            }
        }
        drop(broker); // whoever holds the state may wait for it
        for denied in lost {
            self.denied(session, "subscribe", &denied);
        }
    }

    /// What a new connection holds: of what its client sends and does not finish, and of what is written for it and not sent.
    pub fn weigh_connection(&self) -> (Weight, Weight) {
        (self.undecoded.weigh(0), self.links.weigh_unsent())
    }

    /// What may wait for a connection, if as much waits for all of them as may.
    pub fn unsent_share(&self) -> Option<usize> {
        self.links.is_crowded().then_some(UNSENT_SHARE_BYTES)
    }

    /// Those of a session, as they are now.
    pub(crate) fn policies_of(&self, session: &Session) -> (PolicySet, Context) {
        let Session { policy, client_id, persistent, has_will, .. } = session;
        self.policies(policy.who(), Some(client_id), session.peer(), *persistent, *has_will)
    }

    pub(crate) fn policies(
        &self,
        who: &Principal,
        client_id: Option<&ClientId>,
        peer: &Peer,
        persistent: bool,
        last_will: bool,
    ) -> (PolicySet, Context) {
        let now = self.state.now();
        let (policies, mut context) = match (who, &peer.credential) {
            (Principal::Device(identity), _) => {
                let (cores, certificate_id) = (self.state.read(), identity.certificate_id());
                let policies = cores.registry.policies_of(certificate_id, client_id);
                let context = cores.registry.context_of(now, certificate_id, client_id, &policies);
                (policies, context)
            }
            // The answer's, and no others; it is no principal of a thing.
            (Principal::Custom(_), Credential::Custom(custom)) => {
                let policies = custom.granted(|grant| grant.policies.clone()).unwrap_or_default();
                let tenant = self.state.tenant().clone();
                (policies, Context { now: Some(now), client_id: client_id.cloned(), ..Context::new(tenant) })
            }
            // Nobody asks them.
            (Principal::Custom(_) | Principal::Operator(_), _) => {
                return (PolicySet::default(), Context::new(self.state.tenant().clone()));
            }
        };
        context.source_ip = Some(peer.address.ip());
        context.domain_name = peer.domain_name.and_then(|DomainName(place)| self.hostnames.get(place).cloned());
        context.persistent_connect = persistent;
        context.last_will = last_will;
        (policies, context)
    }

    /// Subscribes to what policy allows; one outcome for each filter asked for, in order, and what has to be durable before they are told.
    pub fn subscribe(
        &self,
        session: &mut Session,
        request: &SubscribeRequest,
    ) -> (Vec<Result<QoS, Refusal>>, Sequence) {
        let now = self.state.now();
        let mut owed = Sequence(0);
        let mut decide = |subscription: &sekisho_mqtt::Subscription| {
            let permit = session
                .policy
                .subscribe(now, &subscription.topic_filter)
                .map_err(|denied| self.denied(session, "subscribe", &denied))?;
            let grant = Grant {
                identifier: request.identifier,
                qos: subscription.qos,
                retain_as_published: subscription.retain_as_published,
                no_local: subscription.no_local,
            };
            self.has_room_for(session, &subscription.topic_filter)?;
            owed = owed.max(self.store_subscription(session, &subscription.topic_filter, grant)?);
            session.resting.retain(|(filter, _)| *filter != subscription.topic_filter);
            // In this order: a message that is published meanwhile is kept first and then goes to those who have subscribed.
            let is_new = self.broker_mut().subscribe(session.link.subscriber(), &permit, grant);
            owed = owed.max(self.give_retained(&session.link, subscription, grant, is_new)?);
            Ok(subscription.qos)
        };
        let outcomes: Vec<_> = request.subscriptions.iter().map(&mut decide).collect();
        let asked = request.subscriptions.iter().map(|subscription| &subscription.topic_filter).zip(&outcomes);
        let granted = asked.filter(|(_, outcome)| outcome.is_ok()).map(|(filter, _)| filter.as_str());
        self.tell_subscriptions(session, Change::Subscribed, granted, owed);
        (outcomes, owed)
    }

    /// Unsubscribes; whether there was a subscription to each filter named, in order, and what has to be durable before that is told.
    pub fn unsubscribe(
        &self,
        session: &mut Session,
        request: &UnsubscribeRequest,
    ) -> Result<(Vec<Result<bool, Refusal>>, Sequence), JournalError> {
        let owed = self.forget_subscriptions(session, &request.topic_filters)?;
        session.resting.retain(|(filter, _)| !request.topic_filters.contains(filter));
        let subscriber = session.link.subscriber();
        let mut broker = self.broker_mut();
        let unsubscribe = |filter| Ok(broker.unsubscribe(subscriber, filter));
        let outcomes: Vec<Result<bool, Refusal>> = request.topic_filters.iter().map(unsubscribe).collect();
        drop(broker);
        let asked = request.topic_filters.iter().zip(&outcomes);
        let gone = asked.filter(|(_, outcome)| matches!(outcome, Ok(true))).map(|(filter, _)| filter.as_str());
        self.tell_subscriptions(session, Change::Unsubscribed, gone, owed);
        Ok((outcomes, owed))
    }

    /// Whether a session may be given a message on `topic`, now; if not, it is silently left out, as AWS does.
    pub fn may_receive(&self, now: Timestamp, session: &mut Session, topic: &str) -> bool {
        match session.policy.receive(now, topic) {
            Ok(_) => true,
            Err(denied) => {
                if session.policy.is_news(&denied) {
                    self.denied(session, "receive", &denied);
                }
                tracing::debug!(client_id = %session.client_id, topic, reason = %denied, "not delivered");
                metrics::counter!("sekisho_receive_denied_total").increment(1);
                false
            }
        }
    }

    /// The connection has ended: how long its session stays, if the client had been accepted, and up to which number it was sent what
    /// waited there; and why it has.
    pub fn disconnect(&self, session: &Session, left: Option<(u32, u64)>, reason: CloseReason) {
        match &session.seat {
            Some(seat) => {
                let (expiry_s, sent) = left.unwrap_or((session.expiry_s, 0));
                self.leave(seat, expiry_s, sent);
            }
            None => self.broker_mut().end(Subscriber::Connection(session.link.id)),
        }
        self.tell_disconnected(session, left.map_or(0, |(expiry_s, _)| expiry_s), reason);
        self.room.forget(session.link.id);
        self.links.close(&session.link);
    }

    /// What a session is told that may not, with the reason kept.
    pub(crate) fn denied(&self, session: &Session, step: &str, denied: &Denied) -> Refusal {
        self.turn_away(session.peer(), Some(&session.client_id), step, denied.to_string())
    }

    /// What somebody is told who may not, with the reason kept.
    pub(crate) fn turn_away(&self, peer: &Peer, client_id: Option<&ClientId>, step: &str, reason: String) -> Refusal {
        self.refuse(peer, client_id.map(ClientId::as_str), step, reason);
        Refusal::NotAuthorized
    }

    /// Whether a request over HTTPS may be done with this certificate: there is no client id and no thing.
    pub fn authorize_request<A: Action>(&self, peer: &Peer, action: A) -> Result<Permit<A>, Refusal> {
        let explain = |step, reason| self.turn_away(peer, None, step, reason);
        let who = self.identify(peer).map_err(|reason| explain("identity", reason))?;
        let (policies, context) = self.policies(&who, None, peer, false, false);
        who.authorize(action, &policies, &context).map_err(|denied| explain("request", denied.to_string()))
    }

    /// Keeps and logs a refusal.
    pub fn refuse(&self, peer: &Peer, client_id: Option<&str>, step: &str, reason: String) {
        let decision = Decision::new(self.state.now(), step, reason);
        let decision = decision.thing(client_id.and_then(|client_id| self.thing(peer, client_id)));
        self.decisions.record(decision.of(peer).client_id(client_id));
    }

    /// The thing a client is, as policy variables know it.
    fn thing(&self, peer: &Peer, client_id: &str) -> Option<ThingName> {
        let thing = self.state.read().registry.thing_of(peer.certificate_id()?, client_id)?;
        thing.is_attached.then_some(thing.thing_name)
    }

    /// Keeps and logs a refusal of somebody who never showed a certificate.
    pub fn refuse_stranger(&self, address: SocketAddr, reason: String) {
        self.decisions.record(Decision::new(self.state.now(), "handshake", reason).address(address));
    }
}
