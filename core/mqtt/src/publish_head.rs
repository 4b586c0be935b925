//! The part of a PUBLISH that all its receivers share, encoded once for a whole fan-out.
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};

use crate::encode::publish_first_byte;
use crate::properties::{Properties, PublishProperties};
use crate::writer::{Sink, count};
use crate::{PacketIdentifier, ProtocolVersion, QoS, REMAINING_LENGTH_MAX, Utf8String};

/// Topic and properties of a PUBLISH, as they go over the wire: the same for every version, QoS and receiver, and no larger in memory
/// than there. Properties that stay decoded take twenty times as much.
///
/// Each receiver's packet is a fixed header, the topic or its alias, a packet identifier, these properties with the remaining message
/// expiry patched in, and the payload.
#[derive(Clone, Debug)]
pub struct PublishHead {
    /// The topic behind its length, then the properties without theirs.
    bytes: Bytes,
    properties_at: usize,
    message_expiry: Option<MessageExpiry>,
}

#[derive(Clone, Copy, Debug)]
struct MessageExpiry {
    /// Where its seconds are among the properties.
    at: usize,
    seconds: u32,
}

/// What one receiver's packet has that another's may not have.
#[derive(Clone, Copy, Debug)]
pub struct PublishFrame {
    /// What the receiver speaks.
    pub version: ProtocolVersion,
    /// At which it is sent.
    pub qos: QoS,
    /// It may have been sent before.
    pub dup: bool,
    /// RETAIN.
    pub retain: bool,
    /// Used above QoS 0.
    pub packet_identifier: PacketIdentifier,
    /// What the topic is called; MQTT5 only.
    pub alias: Option<TopicAlias>,
    /// What is left of it; used if the head has that property.
    pub message_expiry_s: u32,
}

/// What a topic is called on one connection (MQTT5 §3.3.2.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicAlias {
    /// From 1 to the receiver's maximum.
    pub number: NonZeroU16,
    /// Whether the receiver was told before; the topic itself is left out then.
    pub is_known: bool,
}

/// What an alias takes among the properties.
const ALIAS_BYTES: usize = 3;

impl PublishHead {
    /// Encodes what does not depend on the receiver.
    pub fn new(topic: &Utf8String, properties: Option<&PublishProperties>) -> Self {
        let length = properties.map_or(0, |p| count(|counter| p.write(counter)) as usize);
        let properties_at = 2 + topic.bytes().len();
        let mut bytes = BytesMut::with_capacity(properties_at + length);
        bytes.length_prefixed(topic.bytes());
        if let Some(properties) = properties {
            properties.write(&mut bytes);
        }
        let message_expiry = properties.and_then(|p| {
            let at = if p.payload_format_indicator.is_some() { 3 } else { 1 };
            p.message_expiry_interval_s.map(|seconds| MessageExpiry { at, seconds })
        });
        if let Some(MessageExpiry { at, .. }) = message_expiry {
            let before = bytes[properties_at + at - 1];
            assert_eq!(before, 0x02, "only the Payload Format Indicator is written before Message Expiry");
        }
        Self { bytes: bytes.freeze(), properties_at, message_expiry }
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        std::str::from_utf8(&self.bytes[2..self.properties_at]).expect("Utf8String::parse refuses anything else")
    }

    /// Seconds the message may wait.
    pub fn message_expiry_interval_s(&self) -> Option<u32> {
        self.message_expiry.map(|expiry| expiry.seconds)
    }

    /// What it takes in memory beside itself.
    pub fn heap_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes the packet takes with a payload of so many. With an alias that is not known yet, 5 more at most; with one that is,
    /// no more if the topic has 3 bytes or more.
    pub fn packet_bytes(&self, version: ProtocolVersion, qos: QoS, payload_bytes: usize) -> usize {
        let remaining = self.remaining(version, qos, self.properties_at, 0, payload_bytes);
        let width = count(|counter| counter.variable_byte_integer(u32::try_from(remaining).unwrap_or(u32::MAX)));
        1 + width as usize + remaining
    }

    /// The Remaining Length where the topic takes `topic_bytes` with its length, and so many bytes of properties are added.
    fn remaining(
        &self,
        version: ProtocolVersion,
        qos: QoS,
        topic_bytes: usize,
        added_bytes: usize,
        payload_bytes: usize,
    ) -> usize {
        let identifier_bytes = if qos > QoS::AtMostOnce { 2 } else { 0 };
        let properties_bytes = match version {
            ProtocolVersion::V311 => 0,
            ProtocolVersion::V5 => {
                let length = self.properties().len() + added_bytes;
                let width = count(|counter| counter.variable_byte_integer(u32::try_from(length).unwrap_or(u32::MAX)));
                width as usize + length
            }
        };
        topic_bytes + identifier_bytes + properties_bytes + payload_bytes
    }

    fn properties(&self) -> &[u8] {
        &self.bytes[self.properties_at..]
    }

    /// Appends one receiver's packet.
    ///
    /// # Panics
    /// If the packet is over [`REMAINING_LENGTH_MAX`]: whoever takes messages in bounds them.
    pub fn write(&self, frame: PublishFrame, payload: &[u8], out: &mut BytesMut) {
        let PublishFrame { version, qos, dup, retain, packet_identifier, alias, message_expiry_s } = frame;
        let alias = alias.filter(|_| version == ProtocolVersion::V5);
        let topic = if alias.is_some_and(|alias| alias.is_known) { &[0, 0] } else { &self.bytes[..self.properties_at] };
        let added = alias.map_or(0, |_| ALIAS_BYTES);
        let remaining = self.remaining(version, qos, topic.len(), added, payload.len());
        assert!(remaining <= REMAINING_LENGTH_MAX as usize, "a packet is at most 256 MiB");
        out.reserve(remaining + 5);
        out.u8(publish_first_byte(dup, qos, retain));
        out.variable_byte_integer(remaining as u32);
        out.slice(topic);
        if qos > QoS::AtMostOnce {
            out.packet_identifier(packet_identifier);
        }
        if version == ProtocolVersion::V5 {
            out.variable_byte_integer((self.properties().len() + added) as u32);
            if let Some(alias) = alias {
                out.u8(0x23);
                out.u16(alias.number.get());
            }
            let start = out.len();
            out.slice(self.properties());
            if let Some(MessageExpiry { at, .. }) = self.message_expiry {
                let at = start + at;
                out[at..at + 4].copy_from_slice(&message_expiry_s.to_be_bytes());
            }
        }
        out.slice(payload);
    }
}
