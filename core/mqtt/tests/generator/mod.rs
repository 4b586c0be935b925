//! Builds any packet out of bytes: the fuzzer chooses the bytes, this chooses what they mean.
use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use sekisho_mqtt::*;
use sekisho_types::TopicFilter;

/// Bytes to make choices with; 0 after the last one.
struct Entropy<'a>(&'a [u8]);

impl Entropy<'_> {
    fn u8(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&byte, rest)) => {
                self.0 = rest;
                byte
            }
            None => 0,
        }
    }

    fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    fn u32(&mut self) -> u32 {
        u32::from(self.u16()) << 16 | u32::from(self.u16())
    }

    fn bytes(&mut self) -> Bytes {
        let length = usize::from(self.u8()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        Bytes::copy_from_slice(taken)
    }

    fn text(&mut self) -> Utf8String {
        let text = String::from_utf8_lossy(&self.bytes()).replace('\0', "o");
        Utf8String::copied(&text).unwrap()
    }

    fn topic(&mut self) -> Utf8String {
        Utf8String::copied(&format!("t{}", self.text().replace(['+', '#'], "/"))).unwrap()
    }

    fn filter(&mut self) -> TopicFilter {
        TopicFilter::parse(&self.text()).unwrap_or_else(|_| TopicFilter::parse("a/+/#").unwrap())
    }

    fn binary(&mut self) -> BinaryData {
        BinaryData::new(self.bytes()).unwrap()
    }

    fn identifier(&mut self) -> PacketIdentifier {
        PacketIdentifier::new(self.u16().max(1)).unwrap()
    }

    fn qos(&mut self) -> QoS {
        QoS::from_number(self.u8() % 3).unwrap()
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.flag() { Some(make(self)) } else { None }
    }

    fn some<T>(&mut self, least: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = least + usize::from(self.u8() % 3);
        (0..count).map(|_| make(self)).collect()
    }

    fn user_properties(&mut self) -> Vec<UserProperty> {
        self.some(0, |e| UserProperty { name: e.text(), value: e.text() })
    }

    fn reason_code(&mut self, packet_type: PacketType) -> ReasonCode {
        ReasonCode::from_byte(self.u8(), packet_type)
            .or(ReasonCode::from_byte(0x87, packet_type))
            .unwrap_or(ReasonCode::Success)
    }

    fn reason_properties(&mut self) -> Option<Box<ReasonProperties>> {
        present(ReasonProperties { reason_string: self.maybe(Self::text), user_properties: self.user_properties() })
    }

    fn nonzero(&mut self) -> NonZeroU16 {
        NonZeroU16::new(self.u16()).unwrap_or(NonZeroU16::MAX)
    }
}

/// Empty properties are no properties.
fn present<P: Default + PartialEq>(properties: P) -> Option<Box<P>> {
    if properties == P::default() { None } else { Some(Box::new(properties)) }
}

/// A packet that `version` can say.
pub fn packet(entropy: &[u8], version: ProtocolVersion) -> Packet {
    let mut e = Entropy(entropy);
    let packet_type = PacketType::from_number(e.u8() % 15 + 1).unwrap();
    let mut packet = any(packet_type, &mut e, version);
    if version == ProtocolVersion::V311 {
        forget_mqtt5(&mut packet);
    }
    packet
}

fn any(packet_type: PacketType, e: &mut Entropy<'_>, version: ProtocolVersion) -> Packet {
    match packet_type {
        PacketType::Connect => Packet::Connect(Box::new(connect(e, version))),
        PacketType::ConnAck => {
            let reason_code = e.reason_code(packet_type);
            let session_present = e.flag() && !reason_code.is_error();
            Packet::ConnAck(ConnAck { session_present, reason_code, properties: present(connack_properties(e)) })
        }
        PacketType::Publish => Packet::Publish(publish(e)),
        PacketType::PubAck => Packet::PubAck(PubAck {
            packet_identifier: e.identifier(),
            reason_code: e.reason_code(packet_type),
            properties: e.reason_properties(),
        }),
        PacketType::PubRec => Packet::PubRec(PubRec {
            packet_identifier: e.identifier(),
            reason_code: e.reason_code(packet_type),
            properties: e.reason_properties(),
        }),
        PacketType::PubRel => Packet::PubRel(PubRel {
            packet_identifier: e.identifier(),
            reason_code: e.reason_code(packet_type),
            properties: e.reason_properties(),
        }),
        PacketType::PubComp => Packet::PubComp(PubComp {
            packet_identifier: e.identifier(),
            reason_code: e.reason_code(packet_type),
            properties: e.reason_properties(),
        }),
        PacketType::Subscribe => Packet::Subscribe(Subscribe {
            packet_identifier: e.identifier(),
            subscriptions: e.some(1, subscription),
            properties: present(SubscribeProperties {
                subscription_identifier: SubscriptionIdentifier::new(e.u32()),
                user_properties: e.user_properties(),
            }),
        }),
        PacketType::SubAck => Packet::SubAck(SubAck {
            packet_identifier: e.identifier(),
            reason_codes: e.some(1, |e| e.reason_code(packet_type)),
            properties: e.reason_properties(),
        }),
        PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe {
            packet_identifier: e.identifier(),
            topic_filters: e.some(1, Entropy::filter),
            properties: present(UnsubscribeProperties { user_properties: e.user_properties() }),
        }),
        PacketType::UnsubAck => Packet::UnsubAck(UnsubAck {
            packet_identifier: e.identifier(),
            reason_codes: e.some(1, |e| e.reason_code(packet_type)),
            properties: e.reason_properties(),
        }),
        PacketType::PingReq => Packet::PingReq,
        PacketType::Auth if version == ProtocolVersion::V311 => Packet::PingReq,
        PacketType::PingResp => Packet::PingResp,
        PacketType::Disconnect => Packet::Disconnect(Disconnect {
            reason_code: e.reason_code(packet_type),
            properties: present(DisconnectProperties {
                session_expiry_interval_s: e.maybe(Entropy::u32),
                reason_string: e.maybe(Entropy::text),
                user_properties: e.user_properties(),
                server_reference: e.maybe(Entropy::text),
            }),
        }),
        PacketType::Auth => Packet::Auth(Auth {
            reason_code: e.reason_code(packet_type),
            properties: present(AuthProperties {
                authentication_method: e.maybe(Entropy::text),
                authentication_data: e.maybe(Entropy::binary),
                reason_string: e.maybe(Entropy::text),
                user_properties: e.user_properties(),
            }),
        }),
    }
}

fn connect(e: &mut Entropy<'_>, protocol_version: ProtocolVersion) -> Connect {
    let authentication_method = e.maybe(Entropy::text);
    Connect {
        protocol_version,
        clean_start: e.flag(),
        keep_alive_s: e.u16(),
        client_id: e.text(),
        will: e.maybe(|e| Will {
            topic: e.topic(),
            payload: e.binary(),
            qos: e.qos(),
            retain: e.flag(),
            properties: present(WillProperties {
                will_delay_interval_s: e.maybe(Entropy::u32),
                payload_format_indicator: e.maybe(Entropy::flag),
                message_expiry_interval_s: e.maybe(Entropy::u32),
                content_type: e.maybe(Entropy::text),
                response_topic: e.maybe(Entropy::topic),
                correlation_data: e.maybe(Entropy::binary),
                user_properties: e.user_properties(),
            }),
        }),
        user_name: e.maybe(Entropy::text),
        password: e.maybe(|e| Password::new(e.binary())),
        properties: present(ConnectProperties {
            session_expiry_interval_s: e.maybe(Entropy::u32),
            receive_maximum: e.maybe(Entropy::nonzero),
            maximum_packet_size: NonZeroU32::new(e.u32()),
            topic_alias_maximum: e.maybe(Entropy::u16),
            request_response_information: e.maybe(Entropy::flag),
            request_problem_information: e.maybe(Entropy::flag),
            user_properties: e.user_properties(),
            authentication_data: authentication_method.as_ref().and_then(|_| e.maybe(Entropy::binary)),
            authentication_method,
        }),
    }
}

fn connack_properties(e: &mut Entropy<'_>) -> ConnAckProperties {
    ConnAckProperties {
        session_expiry_interval_s: e.maybe(Entropy::u32),
        receive_maximum: e.maybe(Entropy::nonzero),
        maximum_qos: e.maybe(|e| e.qos().min(QoS::AtLeastOnce)),
        retain_available: e.maybe(Entropy::flag),
        maximum_packet_size: NonZeroU32::new(e.u32()),
        assigned_client_identifier: e.maybe(Entropy::text),
        topic_alias_maximum: e.maybe(Entropy::u16),
        reason_string: e.maybe(Entropy::text),
        user_properties: e.user_properties(),
        wildcard_subscription_available: e.maybe(Entropy::flag),
        subscription_identifiers_available: e.maybe(Entropy::flag),
        shared_subscription_available: e.maybe(Entropy::flag),
        server_keep_alive_s: e.maybe(Entropy::u16),
        response_information: e.maybe(Entropy::text),
        server_reference: e.maybe(Entropy::text),
        authentication_method: e.maybe(Entropy::text),
        authentication_data: e.maybe(Entropy::binary),
    }
}

fn publish(e: &mut Entropy<'_>) -> Publish {
    let qos = e.qos();
    Publish {
        dup: e.flag() && qos > QoS::AtMostOnce,
        qos,
        retain: e.flag(),
        topic: e.topic(),
        packet_identifier: (qos > QoS::AtMostOnce).then(|| e.identifier()),
        properties: present(PublishProperties {
            payload_format_indicator: e.maybe(Entropy::flag),
            message_expiry_interval_s: e.maybe(Entropy::u32),
            topic_alias: e.maybe(Entropy::nonzero),
            response_topic: e.maybe(Entropy::topic),
            correlation_data: e.maybe(Entropy::binary),
            user_properties: e.user_properties(),
            subscription_identifiers: e.some(0, |e| SubscriptionIdentifier::new(e.u32().max(1) >> 4 | 1).unwrap()),
            content_type: e.maybe(Entropy::text),
        }),
        payload: e.bytes(),
    }
}

fn subscription(e: &mut Entropy<'_>) -> Subscription {
    let topic_filter = e.filter();
    Subscription {
        qos: e.qos(),
        no_local: e.flag() && topic_filter.shared().is_none(),
        retain_as_published: e.flag(),
        retain_handling: [RetainHandling::AtSubscribe, RetainHandling::IfNew, RetainHandling::Never]
            [usize::from(e.u8() % 3)],
        topic_filter,
    }
}

/// Takes away what MQTT3 has no words for.
fn forget_mqtt5(packet: &mut Packet) {
    match packet {
        Packet::Connect(connect) => {
            connect.properties = None;
            if let Some(will) = &mut connect.will {
                will.properties = None;
            }
            if connect.user_name.is_none() {
                connect.password = None;
            }
        }
        Packet::ConnAck(connack) => {
            connack.properties = None;
            if connack.reason_code.is_error() {
                connack.reason_code = ReasonCode::NotAuthorized;
            }
        }
        Packet::Publish(publish) => publish.properties = None,
        Packet::PubAck(ack) => (ack.reason_code, ack.properties) = (ReasonCode::Success, None),
        Packet::PubRec(ack) => (ack.reason_code, ack.properties) = (ReasonCode::Success, None),
        Packet::PubRel(ack) => (ack.reason_code, ack.properties) = (ReasonCode::Success, None),
        Packet::PubComp(ack) => (ack.reason_code, ack.properties) = (ReasonCode::Success, None),
        Packet::Subscribe(subscribe) => {
            subscribe.properties = None;
            for subscription in &mut subscribe.subscriptions {
                subscription.no_local = false;
                subscription.retain_as_published = false;
                subscription.retain_handling = RetainHandling::AtSubscribe;
            }
        }
        Packet::SubAck(suback) => {
            suback.properties = None;
            for reason_code in &mut suback.reason_codes {
                if reason_code.is_error() {
                    *reason_code = ReasonCode::UnspecifiedError;
                }
            }
        }
        Packet::Unsubscribe(unsubscribe) => unsubscribe.properties = None,
        Packet::UnsubAck(unsuback) => (unsuback.reason_codes, unsuback.properties) = (Vec::new(), None),
        Packet::Disconnect(disconnect) => {
            (disconnect.reason_code, disconnect.properties) = (ReasonCode::Success, None);
        }
        Packet::PingReq | Packet::PingResp | Packet::Auth(_) => {}
    }
}
