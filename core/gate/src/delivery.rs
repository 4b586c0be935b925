//! A message on its way to many clients, encoded once for each version and QoS.
use std::sync::OnceLock;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use sekisho_mqtt::{PacketIdentifier, ProtocolVersion, PublishHead, PublishProperties, QoS, TopicAlias, Utf8String};

/// A message to deliver, shared by all its receivers.
#[derive(Debug)]
pub struct Delivery {
    topic: Utf8String,
    payload: Bytes,
    properties: Option<Box<PublishProperties>>,
    retain: bool,
    received: Instant,
    heads: [OnceLock<PublishHead>; 6],
}

impl Delivery {
    /// A message received at `received`, from when its message expiry counts. `retain` is for messages that were
    /// retained, not for those that asked to be ([MQTT-3.3.1-8], [MQTT-3.3.1-12]).
    ///
    /// Copies what it is given: a delivery may wait long for a slow client, and must not keep the whole buffer some
    /// other connection reads into.
    pub fn new(
        received: Instant,
        topic: &Utf8String,
        payload: &[u8],
        properties: Option<&PublishProperties>,
        retain: bool,
    ) -> Self {
        let properties = properties.map(|p| Box::new(p.detached()));
        Self::shared(received, topic.detached(), Bytes::copy_from_slice(payload), properties, retain)
    }

    /// The same of what is kept already, without a copy.
    pub fn shared(
        received: Instant,
        topic: Utf8String,
        payload: Bytes,
        properties: Option<Box<PublishProperties>>,
        retain: bool,
    ) -> Self {
        Self { topic, payload, properties, retain, received, heads: [const { OnceLock::new() }; 6] }
    }

    /// Its topic name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// What it weighs while it waits.
    pub(crate) fn bytes(&self) -> usize {
        self.topic.bytes().len() + self.payload.len()
    }

    /// Seconds of its message expiry that are left, 0 for less than one; `None` once it is over. A message without
    /// expiry always has some left.
    pub(crate) fn message_expiry_left_s(&self, now: Instant) -> Option<u32> {
        let Some(seconds) = self.properties.as_ref().and_then(|p| p.message_expiry_interval_s) else {
            return Some(u32::MAX);
        };
        let left = u64::from(seconds) * 1000;
        let left = u128::from(left).checked_sub(now.saturating_duration_since(self.received).as_millis())?;
        if left == 0 { None } else { u32::try_from(left / 1000).ok() }
    }

    /// How large the packet is.
    pub(crate) fn packet_bytes(&self, version: ProtocolVersion, qos: QoS) -> usize {
        self.head(version, qos).packet_bytes(self.payload.len())
    }

    /// Appends the packet for one client.
    pub(crate) fn write(
        &self,
        version: ProtocolVersion,
        (packet_identifier, qos, dup): (PacketIdentifier, QoS, bool),
        alias: Option<TopicAlias>,
        message_expiry_left_s: u32,
        out: &mut BytesMut,
    ) {
        let (head, payload) = (self.head(version, qos), &self.payload);
        match alias {
            None => head.write(dup, self.retain, packet_identifier, message_expiry_left_s, payload, out),
            Some(alias) => {
                let flags = (dup, self.retain, packet_identifier);
                head.write_aliased(alias, flags, message_expiry_left_s, payload, out);
            }
        }
    }

    fn head(&self, version: ProtocolVersion, qos: QoS) -> &PublishHead {
        let index = match version {
            ProtocolVersion::V311 => usize::from(qos.number()),
            ProtocolVersion::V5 => 3 + usize::from(qos.number()),
        };
        self.heads[index].get_or_init(|| PublishHead::new(&self.topic, self.properties.as_deref(), version, qos))
    }
}
