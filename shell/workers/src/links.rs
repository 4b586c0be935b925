//! Links: the broker's side of each live connection. A mailbox for what is to be delivered, and signals that make the
//! connection look up: your certificate or policy changed, somebody took your client id, the server is going down.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::Waker;

use foldhash::fast::RandomState;
use sekisho_broker::{ConnectionId, Subscriber, Target};
use sekisho_gate::Delivery;
use sekisho_mqtt::QoS;
use sekisho_sessions::Seat;
use sekisho_types::{AuthorizerName, CertificateId, ClientId, Grant, ProtocolVersion, SessionId, Timestamp};
use tokio::sync::oneshot;

use crate::peer::Peer;
use crate::weight::{Total, Weight};

/// Deliveries that may wait for a connection to take them. And then: a QoS 0 message is dropped and counted, and a
/// connection that leaves this many QoS 1 messages waiting is closed as too slow, rather than holding up its publishers.
pub const MAILBOX_MESSAGES_MAX: usize = 10_000;
/// The same in bytes of memory: topics, properties, payloads, and what it takes to keep them.
pub const MAILBOX_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The same of all connections together, with what is written for them and not sent. And then: the mailbox of one that does not take what
/// is written is full at [`UNSENT_SHARE_BYTES`], and no more is written for a connection behind as much, so that many who do not read
/// cannot take the memory of those who do.
pub const UNSENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What a mailbox may hold, and what may be written, however much waits for others.
pub const UNSENT_SHARE_BYTES: usize = 16 * 1024;

/// Provisioning requests of one connection under way at once. And then: the next is rejected as throttled, so that one holder of
/// a claim that many share does not keep the others out.
pub const FLEET_CALLS_PER_CONNECTION_MAX: usize = 4;

/// What a connection must look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Its certificate, policies or thing changed.
    pub changed: bool,
    /// It is to end, by `DeleteConnection`.
    pub deleted: bool,
    /// And its will is not to be published.
    pub will_prevented: bool,
    /// Another connection uses its client id now.
    pub taken_over: bool,
    /// Another connection will, and waits until what its client has sent is read.
    pub hear_out: bool,
    /// It left its mailbox full.
    pub too_slow: bool,
    /// More waits in its stored session.
    pub stored: bool,
    /// The server is going down.
    pub shutdown: bool,
}

struct Mailbox {
    waiting: VecDeque<(Arc<Delivery>, QoS)>,
    weight: Weight,
    signals: Signals,
    waker: Option<Waker>,
    /// Connections that wait for this one to be heard out, until these are dropped.
    hearers: Vec<oneshot::Sender<()>>,
    is_closed: bool,
}

impl Mailbox {
    fn new(unsent: &Total) -> Self {
        let weight = unsent.weigh(0);
        let (waiting, signals) = (VecDeque::new(), Signals::default());
        Self { waiting, weight, signals, waker: None, hearers: Vec::new(), is_closed: false }
    }

    /// Takes nothing in any more, and holds nothing.
    fn close(&mut self) {
        (self.waiting, self.waker, self.is_closed) = (VecDeque::new(), None, true);
        self.hearers = Vec::new();
        self.weight.set(0);
    }
}

/// What a connection that speaks MQTT began with.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// As whom it connected.
    pub client_id: ClientId,
    /// When.
    pub since: Timestamp,
    /// What it speaks.
    pub protocol_version: ProtocolVersion,
    /// As the gate watches it.
    pub keep_alive_s: u16,
    /// How many connections of its client id are known to have been before (iot dev guide: life-cycle-events, `versionNumber`).
    pub version_number: u32,
}

/// One live connection, as the rest of the server sees it.
pub struct Link {
    /// Which.
    pub id: ConnectionId,
    /// Its seat in a stored session, if it is of one.
    seat: OnceLock<Seat>,
    /// Who is at its other end.
    pub peer: Arc<Peer>,
    /// As whom rules and events see it.
    principal: Box<str>,
    /// `None` until it is let in, and where it does not speak MQTT.
    beginning: OnceLock<Box<Beginning>>,
    mailbox: Mutex<Mailbox>,
    /// Whether more had been written for it, when it was last looked after, than it took.
    is_behind: AtomicBool,
    /// Provisioning requests of it that are under way.
    pub(crate) fleet_calls: Arc<tokio::sync::Semaphore>,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As whom rules and events see it: see `Gateway::principal_of`.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What it began with, if it speaks MQTT.
    pub fn beginning(&self) -> Option<&Beginning> {
        self.beginning.get().map(Box::as_ref)
    }

    pub(crate) fn begin(&self, beginning: Beginning) {
        let _ = self.beginning.set(Box::new(beginning));
    }

    /// Deliveries in its mailbox, and their bytes.
    pub fn waiting(&self) -> (usize, usize) {
        let mailbox = self.lock();
        (mailbox.waiting.len(), mailbox.weight.bytes())
    }

    /// Whom the broker knows it as.
    pub fn subscriber(&self) -> Subscriber {
        self.session().map_or(Subscriber::Connection(self.id), Subscriber::Session)
    }

    /// The stored session it is of.
    pub fn session(&self) -> Option<SessionId> {
        self.seat.get().map(|seat| seat.session)
    }

    /// Puts a delivery into the mailbox, if that is not full. A stored session's above QoS 0 wait there, and not here.
    pub fn deliver(&self, delivery: Arc<Delivery>, qos: QoS) -> bool {
        let mut mailbox = self.lock();
        if mailbox.is_closed {
            return false;
        }
        let size = delivery.bytes();
        let is_crowded = mailbox.weight.total() + size > UNSENT_BYTES_MAX; // with it
        let is_short = is_crowded && self.is_behind.load(Ordering::Relaxed);
        let most = if is_short { UNSENT_SHARE_BYTES } else { MAILBOX_BYTES_MAX };
        let bytes = mailbox.weight.bytes() + size;
        let is_full = mailbox.waiting.len() >= MAILBOX_MESSAGES_MAX || bytes > most;
        if is_full {
            metrics::counter!("sekisho_mailbox_full_total").increment(1);
            if qos == QoS::AtMostOnce {
                return false;
            }
            mailbox.signals.too_slow = true;
        } else {
            mailbox.weight.set(bytes);
            mailbox.waiting.push_back((delivery, qos));
        }
        wake(mailbox);
        !is_full
    }

    /// Takes deliveries out: up to `most`, and no more behind the one that reaches `bytes_most`, because what is out weighs nowhere.
    pub fn take(&self, most: usize, bytes_most: usize, into: &mut Vec<(Arc<Delivery>, QoS)>) {
        let mut mailbox = self.lock();
        let (mut count, mut taken) = (0, 0);
        for (delivery, _) in mailbox.waiting.iter().take(most) {
            if taken >= bytes_most {
                break;
            }
            count += 1;
            taken += delivery.bytes();
        }
        into.extend(mailbox.waiting.drain(..count));
        let left = mailbox.weight.bytes() - taken;
        mailbox.weight.set(left);
        if mailbox.waiting.is_empty() {
            mailbox.waiting = VecDeque::new(); // an idle connection owns no buffers
        }
    }

    /// What there is to look at since the last call, and whether deliveries wait; `waker` is woken by the next.
    pub fn look(&self, waker: &Waker) -> (Signals, bool) {
        let mut mailbox = self.lock();
        if !mailbox.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            mailbox.waker = Some(waker.clone());
        }
        (std::mem::take(&mut mailbox.signals), !mailbox.waiting.is_empty())
    }

    /// It is to read what its client has sent, for another connection of that client; done, or over, when this comes to an end.
    pub(crate) fn hear_out(&self) -> oneshot::Receiver<()> {
        let (hearer, heard) = oneshot::channel();
        let mut mailbox = self.lock();
        if !mailbox.is_closed {
            mailbox.hearers.retain(|hearer| !hearer.is_closed()); // who has waited long enough
            mailbox.hearers.push(hearer);
            mailbox.signals.hear_out = true;
            wake(mailbox);
        }
        heard
    }

    /// Who waits for it to be heard out, until what is answered here is dropped.
    pub fn hearers(&self) -> Vec<oneshot::Sender<()>> {
        std::mem::take(&mut self.lock().hearers)
    }

    /// Whether more is written for it than it takes.
    pub fn set_behind(&self, is_behind: bool) {
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    pub(crate) fn signal(&self, set: impl FnOnce(&mut Signals)) {
        let mut mailbox = self.lock();
        set(&mut mailbox.signals);
        wake(mailbox);
    }
}

fn wake(mailbox: MutexGuard<'_, Mailbox>) {
    let waker = mailbox.waker.clone();
    drop(mailbox);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// By numbers of ours, which no peer chooses: a fast hash will do.
#[derive(Default)]
struct Present {
    by_id: HashMap<ConnectionId, Arc<Link>, RandomState>,
    by_session: HashMap<SessionId, Arc<Link>, RandomState>,
}

impl Present {
    fn of(&self, subscriber: Subscriber) -> Option<&Arc<Link>> {
        match subscriber {
            Subscriber::Connection(id) => self.by_id.get(&id),
            Subscriber::Session(session) => self.by_session.get(&session),
        }
    }
}

/// All live connections.
#[derive(Default)]
pub struct Links {
    next: AtomicU64,
    is_going_down: AtomicBool,
    /// What waits for all of them.
    unsent: Total,
    present: RwLock<Present>,
    by_certificate: Mutex<BTreeMap<(CertificateId, ConnectionId), Arc<Link>>>,
}

impl Links {
    fn present(&self) -> RwLockReadGuard<'_, Present> {
        self.present.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn present_mut(&self) -> RwLockWriteGuard<'_, Present> {
        self.present.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is written for a new connection and not sent.
    pub(crate) fn weigh_unsent(&self) -> Weight {
        self.unsent.weigh(0)
    }

    /// Whether as much waits as may.
    pub(crate) fn is_crowded(&self) -> bool {
        self.unsent.bytes() > UNSENT_BYTES_MAX
    }

    /// One for a new connection, in the order in which they ask for it.
    pub fn next_id(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// A new connection of `peer`.
    pub(crate) fn open(&self, id: ConnectionId, peer: Arc<Peer>, principal: Box<str>) -> Arc<Link> {
        let link = Arc::new(Link {
            id,
            seat: OnceLock::new(),
            peer,
            principal,
            beginning: OnceLock::new(),
            mailbox: Mutex::new(Mailbox::new(&self.unsent)),
            is_behind: AtomicBool::new(false),
            fleet_calls: Arc::new(tokio::sync::Semaphore::new(FLEET_CALLS_PER_CONNECTION_MAX)),
        });
        self.present_mut().by_id.insert(id, link.clone());
        if let Some(certificate_id) = link.peer.certificate_behind() {
            let mut by_certificate = self.by_certificate.lock().unwrap_or_else(PoisonError::into_inner);
            by_certificate.insert((certificate_id, id), link.clone());
        }
        metrics::gauge!("sekisho_connections").increment(1);
        if self.is_going_down.load(Ordering::SeqCst) {
            link.signal(|signals| signals.shutdown = true);
        }
        link
    }

    /// It is of a stored session from now on; who was it before is told, and answered. It may be told itself: another that connected
    /// after it may be here before it.
    pub fn attach(&self, link: &Arc<Link>, seat: Seat) -> Option<Arc<Link>> {
        let _ = link.seat.set(seat);
        let mut present = self.present_mut();
        let there = present.by_session.get(&seat.session);
        if there.and_then(|there| there.seat.get()).is_some_and(|there| there.connection > seat.connection) {
            drop(present);
            link.signal(|signals| signals.taken_over = true);
            return None;
        }
        let older = present.by_session.insert(seat.session, link.clone());
        drop(present);
        if let Some(older) = &older {
            older.signal(|signals| signals.taken_over = true);
        }
        older
    }

    /// More waits for these stored sessions.
    pub fn tell_stored(&self, sessions: impl Iterator<Item = SessionId>) {
        let present = self.present();
        for link in sessions.filter_map(|session| present.by_session.get(&session)) {
            link.signal(|signals| signals.stored = true);
        }
    }

    /// It is gone, and what waited for it.
    pub fn close(&self, link: &Link) {
        let mut present = self.present_mut();
        if let Some(session) = link.session()
            && present.by_session.get(&session).is_some_and(|present| present.id == link.id)
        {
            present.by_session.remove(&session);
        }
        present.by_id.remove(&link.id);
        drop(present);
        link.lock().close(); // its will may keep the link for long
        if let Some(certificate_id) = link.peer.certificate_behind() {
            let mut by_certificate = self.by_certificate.lock().unwrap_or_else(PoisonError::into_inner);
            by_certificate.remove(&(certificate_id, link.id));
        }
        metrics::gauge!("sekisho_connections").decrement(1);
    }

    /// Puts a message published at `published` into the mailboxes of those among `targets` that are still there; `delivery_to` says what
    /// one is given. What a stored session has to acknowledge is not for its mailbox.
    pub fn deliver<'a>(
        &self,
        targets: &'a [Target],
        published: QoS,
        mut delivery_to: impl FnMut(&Grant, &'a [u32]) -> Arc<Delivery>,
    ) {
        let present = self.present();
        for target in targets {
            let Target::Subscriber { subscriber, grant, identifiers } = target else { continue };
            let qos = grant.qos.min(published);
            let waits_stored = matches!(subscriber, Subscriber::Session(_)) && qos > QoS::AtMostOnce;
            if !waits_stored && let Some(link) = present.of(*subscriber) {
                link.deliver(delivery_to(grant, identifiers), qos);
            }
        }
    }

    /// The connection of somebody, if there is one.
    pub fn of(&self, subscriber: Subscriber) -> Option<Arc<Link>> {
        self.present().of(subscriber).cloned()
    }

    /// Another has taken this one's client id; answers it.
    pub fn taken_over(&self, subscriber: Subscriber) -> Option<Arc<Link>> {
        let link = self.of(subscriber);
        if let Some(link) = &link {
            link.signal(|signals| signals.taken_over = true);
        }
        link
    }

    /// Certificate, policy or thing of these certificates changed.
    pub fn changed(&self, certificates: &[CertificateId]) {
        let by_certificate = self.by_certificate.lock().unwrap_or_else(PoisonError::into_inner);
        for id in certificates {
            for (_, link) in by_certificate.range((*id, ConnectionId(0))..=(*id, ConnectionId(u64::MAX))) {
                link.signal(|signals| signals.changed = true);
            }
        }
    }

    /// This custom authorizer changed.
    pub fn authorizer_changed(&self, name: &AuthorizerName) {
        let known = |link: &&Arc<Link>| link.peer.known_as().is_some_and(|(_, authorizer)| authorizer == *name);
        for link in self.present().by_id.values().filter(known) {
            link.signal(|signals| signals.changed = true);
        }
    }

    /// The server is going down: who is there is told, and whoever comes.
    pub fn shut_down(&self) {
        self.is_going_down.store(true, Ordering::SeqCst);
        self.signal_all(|signals| signals.shutdown = true);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.present().by_id.len()
    }

    /// All of them, in no particular order.
    pub fn all(&self) -> Vec<Arc<Link>> {
        self.present().by_id.values().cloned().collect()
    }

    fn signal_all(&self, set: fn(&mut Signals)) {
        self.all().iter().for_each(|link| link.signal(set));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use sekisho_mqtt::{PublishProperties, UserProperty, Utf8String};

    use super::*;
    use crate::peer::Credential;

    fn link(links: &Links) -> Arc<Link> {
        let address = "127.0.0.1:1".parse().unwrap();
        let credential = Credential::Certificate(CertificateId::parse(&"0".repeat(64)).unwrap());
        let peer = Peer { address, credential, domain_name: None, tls: None };
        links.open(links.next_id(), Arc::new(peer), "".into())
    }

    /// Who took the seat first may be here last.
    #[test]
    fn the_latest_connection_of_a_session_stays() {
        let links = Links::default();
        let seat = |connection| Seat { session: SessionId(7), connection, is_present: true };
        let taken_over = |link: &Link| link.look(Waker::noop()).0.taken_over;
        let [first, second, third] = [link(&links), link(&links), link(&links)];
        assert!(links.attach(&second, seat(2)).is_none());
        assert!(links.attach(&first, seat(1)).is_none());
        assert!(taken_over(&first) && !taken_over(&second));
        links.close(&first);
        assert_eq!(links.of(Subscriber::Session(SessionId(7))).map(|link| link.id), Some(second.id));
        assert_eq!(links.attach(&third, seat(3)).map(|link| link.id), Some(second.id));
        assert!(taken_over(&second) && !taken_over(&third));
    }

    /// Who waits for what a connection's client has sent waits until that is read, and no longer than there is somebody to read it.
    #[test]
    fn a_connection_is_heard_out_or_gone() {
        use tokio::sync::oneshot::error::TryRecvError;
        let links = Links::default();
        let link = link(&links);
        let mut heard = link.hear_out();
        assert_eq!((heard.try_recv(), link.look(Waker::noop()).0.hear_out), (Err(TryRecvError::Empty), true));
        drop(link.hearers());
        assert_eq!(heard.try_recv(), Err(TryRecvError::Closed));
        let mut gone = link.hear_out();
        links.close(&link);
        assert_eq!(gone.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(link.hear_out().try_recv(), Err(TryRecvError::Closed));
    }

    /// Whoever is let in after all were told is told too: else the server would wait for it.
    #[test]
    fn who_comes_while_the_server_goes_down_is_told() {
        let links = Links::default();
        let is_told = |link: &Link| link.look(Waker::noop()).0.shutdown;
        let before = link(&links);
        assert!(!is_told(&before));
        links.shut_down();
        assert!(is_told(&before) && is_told(&link(&links)));
    }

    /// What its will may keep for long has no mailbox any more.
    #[test]
    fn what_waits_for_who_is_gone_is_gone() {
        let links = Links::default();
        let link = link(&links);
        let delivery = Delivery::new(Instant::now(), &Utf8String::copied("a").unwrap(), b"x", None, false);
        let delivery = Arc::new(delivery);
        assert!(link.deliver(delivery.clone(), QoS::AtMostOnce) && links.unsent.bytes() > 0);
        links.close(&link);
        assert!(!link.deliver(delivery, QoS::AtMostOnce), "an answer that comes late");
        assert_eq!((link.waiting(), links.unsent.bytes()), ((0, 0), 0));
    }

    /// Empty payloads fill a mailbox with their properties; taken out, they weigh nothing there any more.
    #[test]
    fn a_mailbox_weighs_all_of_a_message() {
        let links = Links::default();
        let link = link(&links);
        let text = |text: &str| Utf8String::copied(text).unwrap();
        let pair = UserProperty { name: text("a"), value: text("b") };
        let properties = PublishProperties { user_properties: vec![pair; 18_500], ..PublishProperties::default() };
        let delivery = Arc::new(Delivery::new(Instant::now(), &text("own/f1"), b"", Some(&properties), false));
        let most = MAILBOX_BYTES_MAX / delivery.bytes();
        assert_eq!(most, 129, "129,500 bytes of properties each");
        for _ in 0..most + 10 {
            link.deliver(delivery.clone(), QoS::AtMostOnce);
        }
        assert_eq!(link.waiting(), (most, most * delivery.bytes()));
        let mut taken = Vec::new();
        link.take(64, 64 * 1024, &mut taken);
        assert_eq!((taken.len(), link.waiting().0), (1, most - 1), "the first is over 64 KiB");
        link.take(usize::MAX, usize::MAX, &mut taken);
        assert_eq!((taken.len(), link.waiting()), (most, (0, 0)));
        assert_eq!(links.unsent.bytes(), 0);
    }
}
