//! A message on its way to many clients, encoded once for each version and QoS.
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use sekisho_mqtt::{
    PacketIdentifier, ProtocolVersion, PublishFrame, PublishHead, PublishProperties, QoS, TopicAlias, Utf8String,
};

/// A message to deliver, shared by all its receivers.
#[derive(Debug)]
pub struct Delivery {
    head: PublishHead,
    payload: Bytes,
    retain: bool,
    received: Instant,
}

/// What a delivery takes in memory beside its texts: itself, its count of receivers, its place in a queue, its buffers.
const DELIVERY_BYTES: usize = size_of::<Delivery>() + 64;

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
        Self::shared(received, topic, Bytes::copy_from_slice(payload), properties, retain)
    }

    /// The same of a payload that is kept already, without a copy of that.
    pub fn shared(
        received: Instant,
        topic: &Utf8String,
        payload: Bytes,
        properties: Option<&PublishProperties>,
        retain: bool,
    ) -> Self {
        Self { head: PublishHead::new(topic, properties), payload, retain, received }
    }

    /// Its topic name.
    pub fn topic(&self) -> &str {
        self.head.topic()
    }

    /// Its payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// What it takes in memory while it waits, wherever that is.
    pub fn bytes(&self) -> usize {
        DELIVERY_BYTES + self.head.heap_bytes() + self.payload.len()
    }

    /// Seconds of its message expiry that are left, one that was begun included; `None` once it is over. A message
    /// without expiry always has some left.
    pub(crate) fn message_expiry_left_s(&self, now: Instant) -> Option<u32> {
        let Some(seconds) = self.head.message_expiry_interval_s() else {
            return Some(u32::MAX);
        };
        let left = u64::from(seconds) * 1000;
        let left = u128::from(left).checked_sub(now.saturating_duration_since(self.received).as_millis())?;
        if left == 0 { None } else { u32::try_from(left.div_ceil(1000)).ok() }
    }

    /// How large the packet is.
    pub(crate) fn packet_bytes(&self, version: ProtocolVersion, qos: QoS) -> usize {
        self.head.packet_bytes(version, qos, self.payload.len())
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
        let (retain, message_expiry_s) = (self.retain, message_expiry_left_s);
        let frame = PublishFrame { version, qos, dup, retain, packet_identifier, alias, message_expiry_s };
        self.head.write(frame, &self.payload, out);
    }
}
