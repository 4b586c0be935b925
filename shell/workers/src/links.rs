//! Links: the broker's side of each live connection. A mailbox for what is to be delivered, and signals that make the
//! connection look up: your certificate or policy changed, somebody took your client id, the server is going down.
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;

use sekisho_broker::{ConnectionId, Target};
use sekisho_gate::Delivery;
use sekisho_mqtt::QoS;
use sekisho_types::CertificateId;

/// Deliveries that may wait for a connection to take them. And then: a QoS 0 message is dropped and counted, and a
/// connection that leaves this many QoS 1 messages waiting is closed as too slow, rather than holding up its publishers.
pub const MAILBOX_MESSAGES_MAX: usize = 10_000;
/// The same in bytes of payload.
pub const MAILBOX_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Provisioning requests of one connection under way at once. And then: the next is rejected as throttled, so that one holder of
/// a claim that many share does not keep the others out.
pub const FLEET_CALLS_PER_CONNECTION_MAX: usize = 4;

/// What a connection must look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// Its certificate, policies or thing changed.
    pub changed: bool,
    /// Another connection uses its client id now.
    pub taken_over: bool,
    /// It left its mailbox full.
    pub too_slow: bool,
    /// The server is going down.
    pub shutdown: bool,
}

#[derive(Default)]
struct Mailbox {
    waiting: VecDeque<(Arc<Delivery>, QoS)>,
    bytes: usize,
    signals: Signals,
    waker: Option<Waker>,
}

/// One live connection, as the rest of the server sees it.
pub struct Link {
    /// Its id in the broker.
    pub id: ConnectionId,
    /// The certificate it came with.
    pub certificate_id: CertificateId,
    /// The same as text, as rules see it.
    principal: Box<str>,
    mailbox: Mutex<Mailbox>,
    /// Provisioning requests of it that are under way.
    pub(crate) fleet_calls: Arc<tokio::sync::Semaphore>,
}

impl Link {
    fn lock(&self) -> MutexGuard<'_, Mailbox> {
        self.mailbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificate's id as text.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// Puts a delivery into the mailbox.
    pub fn deliver(&self, delivery: &Arc<Delivery>, qos: QoS) {
        let mut mailbox = self.lock();
        let size = delivery.payload().len();
        if mailbox.waiting.len() >= MAILBOX_MESSAGES_MAX || mailbox.bytes + size > MAILBOX_BYTES_MAX {
            metrics::counter!("sekisho_mailbox_full_total").increment(1);
            if qos == QoS::AtMostOnce {
                return;
            }
            mailbox.signals.too_slow = true;
        } else {
            mailbox.bytes += size;
            mailbox.waiting.push_back((delivery.clone(), qos));
        }
        wake(mailbox);
    }

    /// Takes up to `most` deliveries out.
    pub fn take(&self, most: usize, into: &mut Vec<(Arc<Delivery>, QoS)>) {
        let mut mailbox = self.lock();
        let most = most.min(mailbox.waiting.len());
        into.extend(mailbox.waiting.drain(..most));
        let taken: usize = into[into.len() - most..].iter().map(|(delivery, _)| delivery.payload().len()).sum();
        mailbox.bytes -= taken;
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

    fn signal(&self, set: impl FnOnce(&mut Signals)) {
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

/// All live connections.
#[derive(Default)]
pub struct Links {
    next: AtomicU64,
    by_id: RwLock<HashMap<ConnectionId, Arc<Link>>>,
    by_certificate: Mutex<HashMap<CertificateId, Vec<Arc<Link>>>>,
}

impl Links {
    /// A new connection of `certificate_id`.
    pub fn open(&self, certificate_id: CertificateId) -> Arc<Link> {
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed) + 1);
        let link = Arc::new(Link {
            id,
            certificate_id,
            principal: certificate_id.to_string().into(),
            mailbox: Mutex::default(),
            fleet_calls: Arc::new(tokio::sync::Semaphore::new(FLEET_CALLS_PER_CONNECTION_MAX)),
        });
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(id, link.clone());
        let mut by_certificate = self.by_certificate.lock().unwrap_or_else(PoisonError::into_inner);
        by_certificate.entry(certificate_id).or_default().push(link.clone());
        metrics::gauge!("sekisho_connections").increment(1);
        link
    }

    /// It is gone.
    pub fn close(&self, link: &Link) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(&link.id);
        let mut by_certificate = self.by_certificate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(links) = by_certificate.get_mut(&link.certificate_id) {
            links.retain(|other| other.id != link.id);
            if links.is_empty() {
                by_certificate.remove(&link.certificate_id);
            }
        }
        metrics::gauge!("sekisho_connections").decrement(1);
    }

    /// Puts a message published at `published` into the mailboxes of those among `targets` that are still there.
    pub fn deliver(&self, targets: &[Target], delivery: &Arc<Delivery>, published: QoS) {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        for target in targets {
            if let Target::Subscriber { connection, qos } = target
                && let Some(link) = by_id.get(connection)
            {
                link.deliver(delivery, granted(*qos).min(published));
            }
        }
    }

    /// Another connection has taken this one's client id.
    pub fn taken_over(&self, id: ConnectionId) {
        if let Some(link) = self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            link.signal(|signals| signals.taken_over = true);
        }
    }

    /// Certificate, policy or thing of these certificates changed.
    pub fn changed(&self, certificates: &[CertificateId]) {
        let by_certificate = self.by_certificate.lock().unwrap_or_else(PoisonError::into_inner);
        for link in certificates.iter().filter_map(|id| by_certificate.get(id)).flatten() {
            link.signal(|signals| signals.changed = true);
        }
    }

    /// The server is going down.
    pub fn shut_down(&self) {
        self.signal_all(|signals| signals.shutdown = true);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn signal_all(&self, set: fn(&mut Signals)) {
        let links: Vec<Arc<Link>> =
            self.by_id.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        links.iter().for_each(|link| link.signal(set));
    }
}

fn granted(qos: sekisho_broker::QoS) -> QoS {
    match qos {
        sekisho_broker::QoS::AtMostOnce => QoS::AtMostOnce,
        sekisho_broker::QoS::AtLeastOnce => QoS::AtLeastOnce,
    }
}
