//! The part of a PUBLISH that all its receivers share, encoded once for a whole fan-out.
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};

use crate::encode::publish_first_byte;
use crate::properties::{self, PublishProperties};
use crate::writer::{Sink, count};
use crate::{PacketIdentifier, ProtocolVersion, QoS, REMAINING_LENGTH_MAX, Utf8String};

/// Topic, room for the packet identifier, and properties of a PUBLISH of one version and QoS.
///
/// Each receiver's packet is a fixed header, a copy of these bytes with its own packet identifier and remaining
/// message expiry patched in, and the payload.
#[derive(Clone, Debug)]
pub struct PublishHead {
    bytes: Bytes,
    qos: QoS,
    packet_identifier_at: usize,
    /// Where the properties begin, behind their length; MQTT5 only.
    properties_at: usize,
    message_expiry_at: Option<usize>,
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
    pub fn new(topic: &Utf8String, properties: Option<&PublishProperties>, version: ProtocolVersion, qos: QoS) -> Self {
        let mut bytes = BytesMut::new();
        bytes.length_prefixed(topic.bytes());
        let packet_identifier_at = bytes.len();
        if qos > QoS::AtMostOnce {
            bytes.packet_identifier(PacketIdentifier::FIRST);
        }
        let mut message_expiry_at = None;
        let mut properties_at = bytes.len();
        if version == ProtocolVersion::V5 {
            properties::write(properties, &mut bytes);
            let length = properties.map_or(0, |p| count(|counter| properties::Properties::write(p, counter)) as usize);
            properties_at = bytes.len() - length;
            message_expiry_at = properties.filter(|p| p.message_expiry_interval_s.is_some()).map(|p| {
                let format_indicator = if p.payload_format_indicator.is_some() { 2 } else { 0 };
                properties_at + format_indicator + 1
            });
        }
        if let Some(at) = message_expiry_at {
            assert_eq!(bytes[at - 1], 0x02, "only the Payload Format Indicator is written before Message Expiry");
        }
        Self { bytes: bytes.freeze(), qos, packet_identifier_at, properties_at, message_expiry_at }
    }

    /// How many bytes the packet takes with a payload of so many. With an alias that is not known yet, 5 more at most; with one that is,
    /// no more if the topic has 3 bytes or more.
    pub fn packet_bytes(&self, payload_bytes: usize) -> usize {
        let remaining = self.bytes.len() + payload_bytes;
        let width = count(|counter| counter.variable_byte_integer(u32::try_from(remaining).unwrap_or(u32::MAX)));
        1 + width as usize + remaining
    }

    /// Appends one receiver's packet. `packet_identifier` is used above QoS 0, `message_expiry_s` if the head has that
    /// property.
    ///
    /// # Panics
    /// If the packet is over [`REMAINING_LENGTH_MAX`]: whoever takes messages in bounds them.
    pub fn write(
        &self,
        dup: bool,
        retain: bool,
        packet_identifier: PacketIdentifier,
        message_expiry_s: u32,
        payload: &[u8],
        out: &mut BytesMut,
    ) {
        let remaining = self.bytes.len() + payload.len();
        assert!(remaining <= REMAINING_LENGTH_MAX as usize, "a packet is at most 256 MiB");
        out.reserve(remaining + 5);
        out.u8(publish_first_byte(dup, self.qos, retain));
        out.variable_byte_integer(remaining as u32);
        let start = out.len();
        out.slice(&self.bytes);
        if self.qos > QoS::AtMostOnce {
            let at = start + self.packet_identifier_at;
            out[at..at + 2].copy_from_slice(&packet_identifier.number().to_be_bytes());
        }
        if let Some(at) = self.message_expiry_at {
            let at = start + at;
            out[at..at + 4].copy_from_slice(&message_expiry_s.to_be_bytes());
        }
        out.slice(payload);
    }

    /// The same for a receiver that takes aliases, in MQTT5.
    ///
    /// # Panics
    /// As [`PublishHead::write`].
    pub fn write_aliased(
        &self,
        alias: TopicAlias,
        (dup, retain, packet_identifier): (bool, bool, PacketIdentifier),
        message_expiry_s: u32,
        payload: &[u8],
        out: &mut BytesMut,
    ) {
        let topic = if alias.is_known { &[0, 0][..] } else { &self.bytes[..self.packet_identifier_at] };
        let properties = &self.bytes[self.properties_at..];
        let length = (properties.len() + ALIAS_BYTES) as u32;
        let identifier_bytes = if self.qos > QoS::AtMostOnce { 2 } else { 0 };
        let width = count(|counter| counter.variable_byte_integer(length)) as usize;
        let remaining = topic.len() + identifier_bytes + width + length as usize + payload.len();
        assert!(remaining <= REMAINING_LENGTH_MAX as usize, "a packet is at most 256 MiB");
        out.reserve(remaining + 5);
        out.u8(publish_first_byte(dup, self.qos, retain));
        out.variable_byte_integer(remaining as u32);
        out.slice(topic);
        if self.qos > QoS::AtMostOnce {
            out.packet_identifier(packet_identifier);
        }
        out.variable_byte_integer(length);
        out.u8(0x23);
        out.u16(alias.number.get());
        let start = out.len();
        out.slice(properties);
        if let Some(at) = self.message_expiry_at {
            let at = start + at - self.properties_at;
            out[at..at + 4].copy_from_slice(&message_expiry_s.to_be_bytes());
        }
        out.slice(payload);
    }
}
