//! The part of a PUBLISH that all its receivers share, encoded once for a whole fan-out.
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
    message_expiry_at: Option<usize>,
}

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
        if version == ProtocolVersion::V5 {
            properties::write(properties, &mut bytes);
            message_expiry_at = properties.filter(|p| p.message_expiry_interval_s.is_some()).map(|p| {
                let section = count(|counter| properties::Properties::write(p, counter)) as usize;
                let format_indicator = if p.payload_format_indicator.is_some() { 2 } else { 0 };
                bytes.len() - section + format_indicator + 1
            });
        }
        if let Some(at) = message_expiry_at {
            assert_eq!(bytes[at - 1], 0x02, "only the Payload Format Indicator is written before Message Expiry");
        }
        Self { bytes: bytes.freeze(), qos, packet_identifier_at, message_expiry_at }
    }

    /// How many bytes the packet takes with a payload of so many.
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
}
