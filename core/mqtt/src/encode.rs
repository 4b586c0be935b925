//! Packets to bytes.
use bytes::BytesMut;

use crate::packet::{
    Auth, ConnAck, Connect, Disconnect, Packet, Publish, SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe,
};
use crate::properties::{self, Properties, ReasonProperties};
use crate::writer::{Sink, count};
use crate::{PacketIdentifier, PacketType, ProtocolVersion, QoS, REMAINING_LENGTH_MAX, ReasonCode};

/// Appends `packet` to `out`, which grows once and only by what is missing.
///
/// A CONNECT is written in the version it names. What MQTT3 cannot say (properties, most reason codes, AUTH) is left
/// out in it.
///
/// # Panics
/// If the packet is over [`REMAINING_LENGTH_MAX`], or a PUBLISH above QoS 0 has no packet identifier: nothing a peer
/// sent can be either, so only our own mistake can.
pub fn encode(packet: &Packet, version: ProtocolVersion, out: &mut BytesMut) {
    if version == ProtocolVersion::V311 && matches!(packet, Packet::Auth(_)) {
        return;
    }
    let remaining = count(|counter| write(packet, version, counter));
    assert!(remaining <= REMAINING_LENGTH_MAX, "a packet is at most 256 MiB; whoever takes messages in bounds them");
    out.reserve(remaining as usize + 5);
    out.u8(first_byte(packet));
    out.variable_byte_integer(remaining);
    write(packet, version, out);
}

/// How many bytes [`encode`] appends.
pub fn encoded_len(packet: &Packet, version: ProtocolVersion) -> u32 {
    let remaining = count(|counter| write(packet, version, counter));
    count(|counter| counter.variable_byte_integer(remaining)).saturating_add(remaining).saturating_add(1)
}

fn first_byte(packet: &Packet) -> u8 {
    match packet {
        Packet::Publish(publish) => publish_first_byte(publish.dup, publish.qos, publish.retain),
        other => other.packet_type().first_byte(),
    }
}

/// The first byte of a PUBLISH (MQTT5 §3.3.1).
pub(crate) fn publish_first_byte(dup: bool, qos: QoS, retain: bool) -> u8 {
    (PacketType::Publish as u8) << 4 | u8::from(dup) << 3 | qos.number() << 1 | u8::from(retain)
}

/// Everything after the fixed header.
fn write(packet: &Packet, version: ProtocolVersion, sink: &mut impl Sink) {
    match packet {
        Packet::Connect(connect) => write_connect(connect, sink),
        Packet::ConnAck(connack) => write_connack(connack, version, sink),
        Packet::Publish(publish) => write_publish(publish, version, sink),
        Packet::PubAck(ack) => write_ack(ack.packet_identifier, ack.reason_code, &ack.properties, version, sink),
        Packet::PubRec(ack) => write_ack(ack.packet_identifier, ack.reason_code, &ack.properties, version, sink),
        Packet::PubRel(ack) => write_ack(ack.packet_identifier, ack.reason_code, &ack.properties, version, sink),
        Packet::PubComp(ack) => write_ack(ack.packet_identifier, ack.reason_code, &ack.properties, version, sink),
        Packet::Subscribe(subscribe) => write_subscribe(subscribe, version, sink),
        Packet::SubAck(suback) => write_suback(suback, version, sink),
        Packet::Unsubscribe(unsubscribe) => write_unsubscribe(unsubscribe, version, sink),
        Packet::UnsubAck(unsuback) => write_unsuback(unsuback, version, sink),
        Packet::PingReq | Packet::PingResp => {}
        Packet::Disconnect(Disconnect { reason_code, properties }) => {
            write_reason(*reason_code, properties, version, sink);
        }
        Packet::Auth(Auth { reason_code, properties }) => write_reason(*reason_code, properties, version, sink),
    }
}

fn write_connect(connect: &Connect, sink: &mut impl Sink) {
    let v5 = connect.protocol_version == ProtocolVersion::V5;
    let mut flags = u8::from(connect.clean_start) << 1;
    if let Some(will) = &connect.will {
        flags |= 1 << 2 | will.qos.number() << 3 | u8::from(will.retain) << 5;
    }
    flags |= u8::from(connect.password.is_some()) << 6 | u8::from(connect.user_name.is_some()) << 7;
    sink.length_prefixed(b"MQTT");
    sink.u8(connect.protocol_version.level());
    sink.u8(flags);
    sink.u16(connect.keep_alive_s);
    if v5 {
        properties::write(connect.properties.as_deref(), sink);
    }
    sink.length_prefixed(connect.client_id.bytes());
    if let Some(will) = &connect.will {
        if v5 {
            properties::write(will.properties.as_deref(), sink);
        }
        sink.length_prefixed(will.topic.bytes());
        sink.length_prefixed(will.payload.bytes());
    }
    if let Some(user_name) = &connect.user_name {
        sink.length_prefixed(user_name.bytes());
    }
    if let Some(password) = &connect.password {
        sink.length_prefixed(password.expose());
    }
}

fn write_connack(connack: &ConnAck, version: ProtocolVersion, sink: &mut impl Sink) {
    sink.u8(u8::from(connack.session_present));
    match version {
        ProtocolVersion::V311 => sink.u8(connack.reason_code.return_code()),
        ProtocolVersion::V5 => {
            sink.u8(connack.reason_code.byte());
            properties::write(connack.properties.as_deref(), sink);
        }
    }
}

fn write_publish(publish: &Publish, version: ProtocolVersion, sink: &mut impl Sink) {
    sink.length_prefixed(publish.topic.bytes());
    if publish.qos > QoS::AtMostOnce {
        sink.packet_identifier(publish.packet_identifier.expect("a PUBLISH above QoS 0 has a packet identifier"));
    }
    if version == ProtocolVersion::V5 {
        properties::write(publish.properties.as_deref(), sink);
    }
    sink.slice(&publish.payload);
}

/// PUBACK and its like: success without properties is only the packet identifier (MQTT5 §3.4.2.1).
fn write_ack(
    packet_identifier: PacketIdentifier,
    reason_code: ReasonCode,
    properties: &Option<Box<ReasonProperties>>,
    version: ProtocolVersion,
    sink: &mut impl Sink,
) {
    sink.packet_identifier(packet_identifier);
    write_reason(reason_code, properties, version, sink);
}

/// A reason code and properties at a packet's end, both left out where they say nothing (MQTT5 §3.14.2).
fn write_reason<P: Properties>(
    reason_code: ReasonCode,
    properties: &Option<Box<P>>,
    version: ProtocolVersion,
    sink: &mut impl Sink,
) {
    if version == ProtocolVersion::V311 || (reason_code == ReasonCode::Success && properties.is_none()) {
        return;
    }
    sink.u8(reason_code.byte());
    if properties.is_some() {
        properties::write(properties.as_deref(), sink);
    }
}

fn write_subscribe(subscribe: &Subscribe, version: ProtocolVersion, sink: &mut impl Sink) {
    sink.packet_identifier(subscribe.packet_identifier);
    if version == ProtocolVersion::V5 {
        properties::write(subscribe.properties.as_deref(), sink);
    }
    for subscription in &subscribe.subscriptions {
        sink.length_prefixed(subscription.topic_filter.as_str().as_bytes());
        sink.u8(options(subscription, version));
    }
}

fn options(subscription: &Subscription, version: ProtocolVersion) -> u8 {
    let Subscription { topic_filter: _, qos, no_local, retain_as_published, retain_handling } = subscription;
    match version {
        ProtocolVersion::V311 => qos.number(),
        ProtocolVersion::V5 => {
            qos.number()
                | u8::from(*no_local) << 2
                | u8::from(*retain_as_published) << 3
                | (*retain_handling as u8) << 4
        }
    }
}

fn write_suback(suback: &SubAck, version: ProtocolVersion, sink: &mut impl Sink) {
    sink.packet_identifier(suback.packet_identifier);
    if version == ProtocolVersion::V5 {
        properties::write(suback.properties.as_deref(), sink);
    }
    for reason_code in &suback.reason_codes {
        let failed = version == ProtocolVersion::V311 && reason_code.is_error();
        sink.u8(if failed { ReasonCode::UnspecifiedError.byte() } else { reason_code.byte() });
    }
}

fn write_unsubscribe(unsubscribe: &Unsubscribe, version: ProtocolVersion, sink: &mut impl Sink) {
    sink.packet_identifier(unsubscribe.packet_identifier);
    if version == ProtocolVersion::V5 {
        properties::write(unsubscribe.properties.as_deref(), sink);
    }
    for topic_filter in &unsubscribe.topic_filters {
        sink.length_prefixed(topic_filter.as_str().as_bytes());
    }
}

fn write_unsuback(unsuback: &UnsubAck, version: ProtocolVersion, sink: &mut impl Sink) {
    sink.packet_identifier(unsuback.packet_identifier);
    if version == ProtocolVersion::V5 {
        properties::write(unsuback.properties.as_deref(), sink);
        unsuback.reason_codes.iter().for_each(|reason_code| sink.u8(reason_code.byte()));
    }
}
