//! One stored session.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use sekisho_types::memory::{allocated, entries};
use sekisho_types::{ClientId, Grant, PacketIdentifier, ProtocolVersion, QoS, Timestamp, TopicFilter};

use crate::event::{Message, Receiver};

/// Expiry of a session that does not (MQTT5 §3.1.2.11.2).
const NEVER_S: u32 = u32::MAX;

/// A client's session.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) client_id: ClientId,
    pub(crate) protocol_version: ProtocolVersion,
    pub(crate) expiry_s: u32,
    /// How often its client has connected.
    pub(crate) connection: u64,
    /// When its connection ended; `None` while there is one.
    pub(crate) left_at: Option<Timestamp>,
    pub(crate) subscriptions: BTreeMap<TopicFilter, Grant>,
    pub(crate) subscription_bytes: usize,
    pub(crate) waiting: BTreeMap<u64, Waiting>,
    by_identifier: HashMap<PacketIdentifier, u64>,
    pub(crate) next: PacketIdentifier,
    pub(crate) bytes: usize,
    pub(crate) sent: u64,
    pub(crate) taken: BTreeSet<PacketIdentifier>,
}

/// What a message takes in a session beside itself: its place in the order, and its packet identifier's.
pub(crate) const PLACE_BYTES: usize = entries(1, size_of::<(u64, Waiting)>() + size_of::<(PacketIdentifier, u64)>());

/// The same with what its subscriptions are called.
pub(crate) fn place_bytes(subscriptions: &[u32]) -> usize {
    PLACE_BYTES + allocated(size_of_val(subscriptions))
}

/// A message that waits for its client's acknowledgement, sent or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// It, shared by all it waits for.
    pub message: Arc<Message>,
    /// Under which it is sent.
    pub identifier: PacketIdentifier,
    /// 1 or 2.
    pub qos: QoS,
    /// Sent with RETAIN.
    pub retain: bool,
    /// What the client calls the subscriptions it is for.
    pub subscriptions: Box<[u32]>,
    /// The client has it and waits for PUBREL.
    pub received: bool,
}

impl Session {
    pub(crate) fn new(client_id: ClientId, protocol_version: ProtocolVersion, expiry_s: u32) -> Self {
        Self {
            client_id,
            protocol_version,
            expiry_s,
            connection: 1,
            left_at: None,
            subscriptions: BTreeMap::new(),
            subscription_bytes: 0,
            waiting: BTreeMap::new(),
            by_identifier: HashMap::new(),
            next: PacketIdentifier::FIRST,
            bytes: 0,
            sent: 0,
            taken: BTreeSet::new(),
        }
    }

    /// Whose it is.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// What it is subscribed to.
    pub fn subscriptions(&self) -> impl Iterator<Item = (&TopicFilter, &Grant)> {
        self.subscriptions.iter()
    }

    /// How often its client has connected.
    pub fn connection(&self) -> u64 {
        self.connection
    }

    /// Whether it has a connection.
    pub fn is_connected(&self) -> bool {
        self.left_at.is_none()
    }

    /// Since when it has none.
    pub fn left_at(&self) -> Option<Timestamp> {
        self.left_at
    }

    /// What its client speaks.
    pub fn protocol_version(&self) -> ProtocolVersion {
        self.protocol_version
    }

    /// Messages that wait, and their bytes.
    pub fn waits(&self) -> (usize, usize) {
        (self.waiting.len(), self.bytes)
    }

    /// What it takes in memory, all in all.
    pub(crate) fn weight(&self) -> usize {
        self.bytes + self.subscription_bytes
    }

    /// What waits behind `number`, in order, each with its number.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &Waiting)> {
        self.waiting.range((Bound::Excluded(number), Bound::Unbounded)).map(|(number, waiting)| (*number, waiting))
    }

    /// Messages up to this number may have been sent by an earlier connection.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// The client's messages of QoS 2 whose PUBREL has not come.
    pub fn taken(&self) -> impl Iterator<Item = PacketIdentifier> + '_ {
        self.taken.iter().copied()
    }

    /// When it ends, if it does.
    pub fn deadline(&self) -> Option<Timestamp> {
        let left_at = self.left_at.filter(|_| self.expiry_s != NEVER_S)?;
        Some(left_at.plus(Duration::from_secs(self.expiry_s.into())))
    }

    /// The first packet identifier from `next` on under which nothing waits.
    pub(crate) fn free_identifier(&self, mut next: PacketIdentifier) -> PacketIdentifier {
        while self.by_identifier.contains_key(&next) {
            next = next.next();
        }
        next
    }

    /// What waits under a packet identifier.
    pub(crate) fn sent_as(&self, identifier: PacketIdentifier) -> Option<&Waiting> {
        self.waiting.get(self.by_identifier.get(&identifier)?)
    }

    pub(crate) fn queue(&mut self, message: &Arc<Message>, receiver: &Receiver) {
        let Receiver { session: _, number, identifier, qos, retain, ref subscriptions } = *receiver;
        self.bytes += message.bytes() + place_bytes(subscriptions);
        self.next = identifier.next();
        self.by_identifier.insert(identifier, number);
        let (message, subscriptions) = (message.clone(), subscriptions.clone());
        self.waiting.insert(number, Waiting { message, identifier, qos, retain, subscriptions, received: false });
    }

    pub(crate) fn received(&mut self, identifier: PacketIdentifier) {
        let number = self.by_identifier.get(&identifier);
        if let Some(waiting) = number.and_then(|number| self.waiting.get_mut(number)) {
            waiting.received = true;
        }
    }

    pub(crate) fn acknowledge(&mut self, identifier: PacketIdentifier) -> Option<Waiting> {
        let number = self.by_identifier.remove(&identifier)?;
        let waiting = self.waiting.remove(&number)?;
        self.bytes -= waiting.message.bytes() + place_bytes(&waiting.subscriptions);
        if self.by_identifier.is_empty() {
            self.by_identifier = HashMap::new(); // a session that waits for nothing owns no table
        }
        Some(waiting)
    }

    /// The last number that waits.
    pub(crate) fn last(&self) -> u64 {
        self.waiting.keys().next_back().copied().unwrap_or(self.sent)
    }
}
