//! A fan-out's packet is the packet `encode` would write.
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use sekisho_mqtt::{
    Packet, PacketIdentifier, ProtocolVersion, Publish, PublishFrame, PublishHead, PublishProperties, QoS, TopicAlias,
    UserProperty, Utf8String, decode, encode,
};

fn properties(payload_format_indicator: Option<bool>, message_expiry_interval_s: Option<u32>) -> PublishProperties {
    let text = |text: &str| Utf8String::copied(text).unwrap();
    PublishProperties {
        payload_format_indicator,
        message_expiry_interval_s,
        user_properties: vec![UserProperty { name: text("name"), value: text(&"value".repeat(40)) }],
        ..PublishProperties::default()
    }
}

/// The same with an alias, before and after the receiver knows it.
fn aliased(head: &PublishHead, frame: PublishFrame, publish: Publish, payload: &[u8]) {
    let number = NonZeroU16::new(7).unwrap();
    let plain = head.packet_bytes(frame.version, frame.qos, payload.len());
    for is_known in [false, true] {
        let mut written = BytesMut::new();
        let alias = Some(TopicAlias { number, is_known });
        head.write(PublishFrame { alias, ..frame }, payload, &mut written);
        assert!(written.len() <= if is_known { plain } else { plain + 5 });
        let Ok(Some(Packet::Publish(told))) = decode(&mut written, ProtocolVersion::V5, u32::MAX) else {
            panic!("a PUBLISH")
        };
        let mut properties = publish.properties.clone().unwrap_or_default();
        properties.topic_alias = Some(number);
        let topic = if is_known { Utf8String::default() } else { publish.topic.clone() };
        assert_eq!(told, Publish { topic, properties: Some(properties), ..publish.clone() });
    }
}

#[test]
fn a_head_and_a_payload_are_a_publish() {
    let topic = Utf8String::copied("plant/7/oven").unwrap();
    let packet_identifier = PacketIdentifier::new(0x1234).unwrap();
    let payload = Bytes::from_static(&[7; 300]);
    let choices = [
        None,
        Some(properties(None, None)),
        Some(properties(None, Some(60))),
        Some(properties(Some(true), None)),
        Some(properties(Some(true), Some(60))),
    ];
    for version in [ProtocolVersion::V311, ProtocolVersion::V5] {
        for (qos, dup) in [(QoS::AtMostOnce, false), (QoS::AtLeastOnce, false), (QoS::ExactlyOnce, true)] {
            for properties in &choices {
                let head = PublishHead::new(&topic, properties.as_ref());
                let mut written = BytesMut::new();
                let (retain, alias, message_expiry_s) = (true, None, 59);
                let frame = PublishFrame { version, qos, dup, retain, packet_identifier, alias, message_expiry_s };
                head.write(frame, &payload, &mut written);

                let mut properties = properties.clone();
                if let Some(seconds) = properties.as_mut().and_then(|p| p.message_expiry_interval_s.as_mut()) {
                    *seconds = 59;
                }
                let publish = Publish {
                    dup,
                    qos,
                    retain: true,
                    topic: topic.clone(),
                    packet_identifier: (qos > QoS::AtMostOnce).then_some(packet_identifier),
                    properties: properties.map(Box::new),
                    payload: payload.clone(),
                };
                let mut encoded = BytesMut::new();
                encode(&Packet::Publish(publish.clone()), version, &mut encoded);
                assert_eq!(written, encoded, "{version:?} {qos:?}");
                assert_eq!(head.packet_bytes(version, qos, payload.len()), encoded.len());
                if version == ProtocolVersion::V5 {
                    aliased(&head, frame, publish, &payload);
                }
            }
        }
    }
}

#[test]
fn a_head_takes_what_it_takes_on_the_wire() {
    let text = |text: &str| Utf8String::copied(text).unwrap();
    let pair = UserProperty { name: text("a"), value: text("b") };
    let properties = PublishProperties { user_properties: vec![pair; 10_000], ..PublishProperties::default() };
    let head = PublishHead::new(&text("own/f1"), Some(&properties));
    assert_eq!(head.heap_bytes(), 2 + "own/f1".len() + 10_000 * (1 + 3 + 3));
}
