//! Bytes to packets.
use bytes::{Buf, Bytes, BytesMut};
use sekisho_types::{TopicError, TopicFilter};

use crate::error::DecodeError;
use crate::packet::{
    Auth, ConnAck, Connect, Disconnect, Packet, PubAck, PubComp, PubRec, PubRel, Publish, RetainHandling, SubAck,
    Subscribe, Subscription, UnsubAck, Unsubscribe, Will,
};
use crate::properties::{self, Properties, PublishProperties};
use crate::reader::{self, Reader};
use crate::{PacketIdentifier, PacketType, Password, ProtocolVersion, QoS, ReasonCode, Utf8String};

/// Takes one whole packet off the front of `input`, or nothing if it is not all there yet.
///
/// A CONNECT is read in the version it names, every other packet in `version`. What can be refused is refused as soon
/// as the bytes that show it are there: an oversized packet after its first five. After an error the place in the
/// stream is lost, and the connection must end.
///
/// # Errors
/// Whatever is not a packet of that version, and `PacketTooLarge` if it has, with its fixed header, more than
/// `packet_bytes_max` bytes.
pub fn decode(
    input: &mut BytesMut,
    version: ProtocolVersion,
    packet_bytes_max: u32,
) -> Result<Option<Packet>, DecodeError> {
    let Some(&first) = input.first() else { return Ok(None) };
    let packet_type = fixed_header(first, version)?;
    match take_packet(input, packet_bytes_max)? {
        Some(rest) => read_packet(packet_type, first, Reader::new(rest), version).map(Some),
        None => Ok(None),
    }
}

/// As [`decode`], for the first packet of a connection, whose version is not known yet and which must be CONNECT.
///
/// Its fields live as long as the connection, so they are slices of a copy that is no larger than the packet, and
/// never of the buffer the connection reads into.
///
/// # Errors
/// `ConnectExpected` at the first byte of anything else.
pub fn decode_connect(input: &mut BytesMut, packet_bytes_max: u32) -> Result<Option<Box<Connect>>, DecodeError> {
    let Some(&first) = input.first() else { return Ok(None) };
    let packet_type = fixed_header(first, ProtocolVersion::V5)?;
    if packet_type != PacketType::Connect {
        return Err(DecodeError::ConnectExpected { packet_type });
    }
    match take_packet(input, packet_bytes_max)? {
        Some(rest) => read_connect(Reader::new(Bytes::copy_from_slice(&rest))).map(Some),
        None => Ok(None),
    }
}

/// The version a whole CONNECT at the front of `input` names: for telling a client in its own version why the rest was
/// refused.
pub fn connect_version(input: &[u8]) -> Option<ProtocolVersion> {
    let (&first, rest) = input.split_first()?;
    let (remaining, width) = reader::variable_byte_integer(rest).ok()??;
    let packet = rest.get(width..)?.get(..remaining as usize)?;
    match (first, packet) {
        (0x10, [0, 4, b'M', b'Q', b'T', b'T', 4, ..]) => Some(ProtocolVersion::V311),
        (0x10, [0, 4, b'M', b'Q', b'T', b'T', 5, ..]) => Some(ProtocolVersion::V5),
        _ => None,
    }
}

fn fixed_header(first: u8, version: ProtocolVersion) -> Result<PacketType, DecodeError> {
    let number = first >> 4;
    let packet_type = PacketType::from_number(number).ok_or(DecodeError::ReservedPacketType { number })?;
    match packet_type {
        PacketType::Auth if version == ProtocolVersion::V311 => Err(DecodeError::ReservedPacketType { number }),
        PacketType::Publish if first & 0b0110 == 0b0110 => Err(DecodeError::QoS),
        PacketType::Publish if first & 0b1110 == 0b1000 => Err(DecodeError::DupAtMostOnce),
        PacketType::Publish => Ok(packet_type),
        _ if first & 0x0F != packet_type.reserved_flags() => Err(DecodeError::ReservedFlags { packet_type }),
        _ => Ok(packet_type),
    }
}

/// What follows the fixed header, once it is all there.
fn take_packet(input: &mut BytesMut, packet_bytes_max: u32) -> Result<Option<Bytes>, DecodeError> {
    let Some((remaining, width)) = reader::variable_byte_integer(&input[1..])? else { return Ok(None) };
    let header = 1 + width;
    let packet_bytes = header as u64 + u64::from(remaining);
    if packet_bytes > u64::from(packet_bytes_max) {
        return Err(DecodeError::PacketTooLarge { packet_bytes, packet_bytes_max });
    }
    let packet_bytes = header + remaining as usize;
    if input.len() < packet_bytes {
        return Ok(None);
    }
    let mut packet = input.split_to(packet_bytes).freeze();
    packet.advance(header);
    Ok(Some(packet))
}

fn read_packet(
    packet_type: PacketType,
    first: u8,
    mut reader: Reader,
    version: ProtocolVersion,
) -> Result<Packet, DecodeError> {
    Ok(match packet_type {
        PacketType::Publish => Packet::Publish(read_publish(first, reader, version)?),
        PacketType::Connect => Packet::Connect(read_connect(reader)?),
        PacketType::ConnAck => Packet::ConnAck(read_connack(reader, version)?),
        PacketType::PubAck => {
            let (packet_identifier, reason_code, properties) = read_ack(packet_type, reader, version)?;
            Packet::PubAck(PubAck { packet_identifier, reason_code, properties })
        }
        PacketType::PubRec => {
            let (packet_identifier, reason_code, properties) = read_ack(packet_type, reader, version)?;
            Packet::PubRec(PubRec { packet_identifier, reason_code, properties })
        }
        PacketType::PubRel => {
            let (packet_identifier, reason_code, properties) = read_ack(packet_type, reader, version)?;
            Packet::PubRel(PubRel { packet_identifier, reason_code, properties })
        }
        PacketType::PubComp => {
            let (packet_identifier, reason_code, properties) = read_ack(packet_type, reader, version)?;
            Packet::PubComp(PubComp { packet_identifier, reason_code, properties })
        }
        PacketType::Subscribe => Packet::Subscribe(read_subscribe(reader, version)?),
        PacketType::SubAck => {
            let packet_identifier = reader.packet_identifier()?;
            let properties = read_properties(&mut reader, version)?;
            let reason_codes = read_reason_codes(packet_type, reader, version)?;
            Packet::SubAck(SubAck { packet_identifier, reason_codes, properties })
        }
        PacketType::Unsubscribe => Packet::Unsubscribe(read_unsubscribe(reader, version)?),
        PacketType::UnsubAck => {
            let packet_identifier = reader.packet_identifier()?;
            let properties = read_properties(&mut reader, version)?;
            let reason_codes = read_reason_codes(packet_type, reader, version)?;
            Packet::UnsubAck(UnsubAck { packet_identifier, reason_codes, properties })
        }
        PacketType::PingReq => {
            reader.end(packet_type)?;
            Packet::PingReq
        }
        PacketType::PingResp => {
            reader.end(packet_type)?;
            Packet::PingResp
        }
        PacketType::Disconnect => {
            let (reason_code, properties) = read_reason(packet_type, reader, version)?;
            Packet::Disconnect(Disconnect { reason_code, properties })
        }
        PacketType::Auth => {
            let (reason_code, properties) = read_reason(packet_type, reader, version)?;
            Packet::Auth(Auth { reason_code, properties })
        }
    })
}

fn read_properties<P: Properties>(
    reader: &mut Reader,
    version: ProtocolVersion,
) -> Result<Option<Box<P>>, DecodeError> {
    match version {
        ProtocolVersion::V311 => Ok(None),
        ProtocolVersion::V5 => properties::read(reader),
    }
}

fn read_connect(mut reader: Reader) -> Result<Box<Connect>, DecodeError> {
    let name = reader.utf8_string()?;
    if &name == "MQIsdp" {
        return Err(DecodeError::ProtocolLevel { level: 3 });
    }
    if &name != "MQTT" {
        return Err(DecodeError::ProtocolName);
    }
    let protocol_version = match reader.u8()? {
        4 => ProtocolVersion::V311,
        5 => ProtocolVersion::V5,
        level => return Err(DecodeError::ProtocolLevel { level }),
    };
    let flags = reader.u8()?;
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let will_qos = QoS::from_number(flags >> 3 & 0b11).ok_or(DecodeError::WillFlags)?;
    if flag(0) {
        return Err(DecodeError::ConnectFlags);
    }
    if !flag(2) && (will_qos != QoS::AtMostOnce || flag(5)) {
        return Err(DecodeError::WillFlags);
    }
    if protocol_version == ProtocolVersion::V311 && flag(6) && !flag(7) {
        return Err(DecodeError::PasswordWithoutUserName);
    }
    let keep_alive_s = reader.u16()?;
    let properties: Option<Box<properties::ConnectProperties>> = read_properties(&mut reader, protocol_version)?;
    if let Some(properties) = &properties
        && properties.authentication_data.is_some()
        && properties.authentication_method.is_none()
    {
        return Err(DecodeError::AuthenticationMethodMissing);
    }
    let client_id = reader.utf8_string()?;
    let will = if flag(2) { Some(read_will(&mut reader, protocol_version, will_qos, flag(5))?) } else { None };
    let user_name = if flag(7) { Some(reader.utf8_string()?) } else { None };
    let password = if flag(6) { Some(Password::new(reader.binary_data()?)) } else { None };
    reader.end(PacketType::Connect)?;
    let clean_start = flag(1);
    Ok(Box::new(Connect {
        protocol_version,
        clean_start,
        keep_alive_s,
        client_id,
        will,
        user_name,
        password,
        properties,
    }))
}

fn read_will(reader: &mut Reader, version: ProtocolVersion, qos: QoS, retain: bool) -> Result<Will, DecodeError> {
    let properties: Option<Box<properties::WillProperties>> = read_properties(reader, version)?;
    properties.as_ref().and_then(|p| p.response_topic.as_ref()).map_or(Ok(()), topic_name)?;
    Ok(Will { topic: reader.utf8_string()?, payload: reader.binary_data()?, qos, retain, properties })
}

fn read_connack(mut reader: Reader, version: ProtocolVersion) -> Result<ConnAck, DecodeError> {
    let session_present = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(DecodeError::ConnAckFlags),
    };
    let byte = reader.u8()?;
    let reason_code = match version {
        ProtocolVersion::V311 => ReasonCode::from_return_code(byte),
        ProtocolVersion::V5 => ReasonCode::from_byte(byte, PacketType::ConnAck),
    };
    let reason_code = reason_code.ok_or(DecodeError::ReasonCode { byte, packet_type: PacketType::ConnAck })?;
    if session_present && reason_code.is_error() {
        return Err(DecodeError::ConnAckFlags);
    }
    let properties = read_properties(&mut reader, version)?;
    reader.end(PacketType::ConnAck)?;
    Ok(ConnAck { session_present, reason_code, properties })
}

/// The hot one: a topic and a payload are slices, and nothing is allocated without properties.
fn read_publish(first: u8, mut reader: Reader, version: ProtocolVersion) -> Result<Publish, DecodeError> {
    let qos = QoS::from_number(first >> 1 & 0b11).ok_or(DecodeError::QoS)?;
    let topic = reader.utf8_string()?;
    without_wildcard(&topic)?;
    let packet_identifier = if qos > QoS::AtMostOnce { Some(reader.packet_identifier()?) } else { None };
    let properties: Option<Box<PublishProperties>> = read_properties(&mut reader, version)?;
    if topic.bytes().is_empty() {
        match version {
            ProtocolVersion::V311 => return Err(DecodeError::TopicName(TopicError::Empty)),
            ProtocolVersion::V5 if properties.as_ref().is_none_or(|p| p.topic_alias.is_none()) => {
                return Err(DecodeError::TopicNameMissing);
            }
            ProtocolVersion::V5 => {}
        }
    }
    properties.as_ref().and_then(|p| p.response_topic.as_ref()).map_or(Ok(()), topic_name)?;
    let (dup, retain) = (first & 0b1000 != 0, first & 0b0001 != 0);
    Ok(Publish { dup, qos, retain, topic, packet_identifier, properties, payload: reader.rest() })
}

/// One that no topic alias can stand for ([MQTT-3.3.2-14], [MQTT-4.7.3-1]).
fn topic_name(topic: &Utf8String) -> Result<(), DecodeError> {
    if topic.bytes().is_empty() { Err(DecodeError::TopicName(TopicError::Empty)) } else { without_wildcard(topic) }
}

fn without_wildcard(topic: &Utf8String) -> Result<(), DecodeError> {
    match memchr::memchr2(b'+', b'#', topic.bytes()) {
        Some(_) => Err(DecodeError::TopicName(TopicError::Wildcard)),
        None => Ok(()),
    }
}

fn read_ack<P: Properties>(
    packet_type: PacketType,
    mut reader: Reader,
    version: ProtocolVersion,
) -> Result<(PacketIdentifier, ReasonCode, Option<Box<P>>), DecodeError> {
    let packet_identifier = reader.packet_identifier()?;
    let (reason_code, properties) = read_reason(packet_type, reader, version)?;
    Ok((packet_identifier, reason_code, properties))
}

/// A reason code and properties at a packet's end, each of which may be left out (MQTT5 §3.14.2).
fn read_reason<P: Properties>(
    packet_type: PacketType,
    mut reader: Reader,
    version: ProtocolVersion,
) -> Result<(ReasonCode, Option<Box<P>>), DecodeError> {
    if version == ProtocolVersion::V311 || reader.is_empty() {
        reader.end(packet_type)?;
        return Ok((ReasonCode::Success, None));
    }
    let byte = reader.u8()?;
    let reason_code = ReasonCode::from_byte(byte, packet_type).ok_or(DecodeError::ReasonCode { byte, packet_type })?;
    let properties = if reader.is_empty() { None } else { properties::read(&mut reader)? };
    reader.end(packet_type)?;
    Ok((reason_code, properties))
}

fn read_subscribe(mut reader: Reader, version: ProtocolVersion) -> Result<Subscribe, DecodeError> {
    let packet_identifier = reader.packet_identifier()?;
    let properties = read_properties(&mut reader, version)?;
    let mut subscriptions = Vec::new();
    while !reader.is_empty() {
        let topic_filter = read_topic_filter(&mut reader)?;
        let options = reader.u8()?;
        let reserved = match version {
            ProtocolVersion::V311 => options & 0b1111_1100,
            ProtocolVersion::V5 => options & 0b1100_0000,
        };
        let retain_handling = match options >> 4 & 0b11 {
            0 => RetainHandling::AtSubscribe,
            1 => RetainHandling::IfNew,
            2 => RetainHandling::Never,
            _ => return Err(DecodeError::SubscriptionOptions),
        };
        if reserved != 0 {
            return Err(DecodeError::SubscriptionOptions);
        }
        let qos = QoS::from_number(options & 0b11).ok_or(DecodeError::SubscriptionOptions)?;
        let (no_local, retain_as_published) = (options & 0b100 != 0, options & 0b1000 != 0);
        if no_local && topic_filter.shared().is_some() {
            return Err(DecodeError::SharedNoLocal);
        }
        subscriptions.push(Subscription { topic_filter, qos, no_local, retain_as_published, retain_handling });
    }
    if subscriptions.is_empty() {
        return Err(DecodeError::TopicFilterMissing { packet_type: PacketType::Subscribe });
    }
    Ok(Subscribe { packet_identifier, subscriptions, properties })
}

fn read_unsubscribe(mut reader: Reader, version: ProtocolVersion) -> Result<Unsubscribe, DecodeError> {
    let packet_identifier = reader.packet_identifier()?;
    let properties = read_properties(&mut reader, version)?;
    let mut topic_filters = Vec::new();
    while !reader.is_empty() {
        topic_filters.push(read_topic_filter(&mut reader)?);
    }
    if topic_filters.is_empty() {
        return Err(DecodeError::TopicFilterMissing { packet_type: PacketType::Unsubscribe });
    }
    Ok(Unsubscribe { packet_identifier, topic_filters, properties })
}

fn read_topic_filter(reader: &mut Reader) -> Result<TopicFilter, DecodeError> {
    TopicFilter::parse(&reader.utf8_string()?).map_err(DecodeError::TopicFilter)
}

/// The reason codes that fill the rest of a SUBACK or UNSUBACK; an MQTT3 UNSUBACK has none.
fn read_reason_codes(
    packet_type: PacketType,
    mut reader: Reader,
    version: ProtocolVersion,
) -> Result<Vec<ReasonCode>, DecodeError> {
    let mut reason_codes = Vec::new();
    if version == ProtocolVersion::V311 && packet_type == PacketType::UnsubAck {
        reader.end(packet_type)?;
        return Ok(reason_codes);
    }
    while !reader.is_empty() {
        let byte = reader.u8()?;
        let known = version == ProtocolVersion::V5 || matches!(byte, 0 | 1 | 2 | 0x80); // [MQTT-3.9.3-2] in MQTT3
        let reason_code = ReasonCode::from_byte(byte, packet_type).filter(|_| known);
        reason_codes.push(reason_code.ok_or(DecodeError::ReasonCode { byte, packet_type })?);
    }
    if reason_codes.is_empty() {
        return Err(DecodeError::ReasonCodesMissing { packet_type });
    }
    Ok(reason_codes)
}

#[cfg(test)]
mod tests;
