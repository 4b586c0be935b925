//! A fan-out's packet is the packet `encode` would write.
use bytes::{Bytes, BytesMut};
use sekisho_mqtt::{
    Packet, PacketIdentifier, ProtocolVersion, Publish, PublishHead, PublishProperties, QoS, UserProperty, Utf8String,
    encode,
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
                let head = PublishHead::new(&topic, properties.as_ref(), version, qos);
                let mut written = BytesMut::new();
                head.write(dup, true, packet_identifier, 59, &payload, &mut written);

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
                encode(&Packet::Publish(publish), version, &mut encoded);
                assert_eq!(written, encoded, "{version:?} {qos:?}");
                assert_eq!(head.packet_bytes(payload.len()), encoded.len());
            }
        }
    }
}
