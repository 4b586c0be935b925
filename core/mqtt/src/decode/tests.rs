//! What is refused, and with which statement; beside it, what is accepted.
use bytes::BytesMut;
use sekisho_types::TopicError;

use crate::{DecodeError, PacketType, ProtocolVersion, TextError, decode, decode_connect};

use DecodeError::*;
use ProtocolVersion::{V5, V311};

const MAX: u32 = 1024;

fn bytes(hex: &str) -> BytesMut {
    let digits: Vec<u8> = hex.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect::<Vec<_>>().as_slice().into()
}

#[rustfmt::skip] // statement             version  packet                                  refused with
const PACKETS: &[(&str, ProtocolVersion, &str, Option<DecodeError>)] = &[
    ("MQTT5 §2.1.2",                V5,   "00 00",                                         Some(ReservedPacketType { number: 0 })),
    ("MQTT3 table 2.1",             V311, "F0 00",                                         Some(ReservedPacketType { number: 15 })),
    ("MQTT5 §3.15.2.1",             V5,   "F0 00",                                         None),
    ("[MQTT-2.1.3-1]",              V5,   "C1 00",                                         Some(ReservedFlags { packet_type: PacketType::PingReq })),
    ("[MQTT-3.8.1-1]",              V5,   "80 07 0001 00 0001 61 00",                      Some(ReservedFlags { packet_type: PacketType::Subscribe })),
    ("[MQTT-3.6.1-1]",              V5,   "60 02 0001",                                    Some(ReservedFlags { packet_type: PacketType::PubRel })),
    ("[MQTT-3.6.1-1]",              V5,   "62 02 0001",                                    None),
    ("[MQTT-1.5.5-1]",              V5,   "C0 80 00",                                      Some(VariableByteInteger)),
    ("MQTT5 §1.5.5",                V5,   "30 FF FF FF FF 01",                             Some(VariableByteInteger)),
    ("[MQTT-3.1.2-24]",             V5,   "30 FE 07",                                      Some(PacketTooLarge { packet_bytes: 1025, packet_bytes_max: MAX })),
    ("MQTT5 §2.1.4",                V5,   "C0 01 00",                                      Some(TrailingBytes { packet_type: PacketType::PingReq })),
    ("MQTT5 §2.1.4",                V5,   "40 01 00",                                      Some(Truncated)),
    // PUBLISH
    ("MQTT5 §3.3",                  V5,   "32 08 0001 61 0001 00 6869",                    None),
    ("MQTT3 §3.3",                  V311, "32 07 0001 61 0001 6869",                       None),
    ("[MQTT-3.3.1-4]",              V5,   "36 08 0001 61 0001 00 6869",                    Some(QoS)),
    ("[MQTT-3.3.1-2]",              V5,   "38 04 0001 61 00",                              Some(DupAtMostOnce)),
    ("[MQTT-2.2.1-3]",              V5,   "32 06 0001 61 0000 00",                         Some(PacketIdentifierZero)),
    ("[MQTT-3.3.2-2]",              V311, "30 03 0001 23",                                 Some(TopicName(TopicError::Wildcard))),
    ("[MQTT-3.3.2-2]",              V311, "30 05 0003 61 2F 2B",                           Some(TopicName(TopicError::Wildcard))),
    ("MQTT3 [MQTT-4.7.3-1]",        V311, "30 02 0000",                                    Some(TopicName(TopicError::Empty))),
    ("MQTT5 §3.3.2.1",              V5,   "30 03 0000 00",                                 Some(TopicNameMissing)),
    ("MQTT5 §3.3.2.1",              V5,   "30 06 0000 03 230001",                          None),
    ("[MQTT-3.3.2-8]",              V5,   "30 06 0000 03 230000",                          Some(PropertyValue { identifier: 0x23 })),
    ("[MQTT-1.5.4-2]",              V311, "30 03 0001 00",                                 Some(Text(TextError::Nul))),
    ("[MQTT-1.5.4-1]",              V311, "30 05 0003 EDA080",                             Some(Text(TextError::Utf8))), // U+D800
    ("[MQTT-1.5.4-3]",              V311, "30 05 0003 EFBBBF",                             None),                  // U+FEFF stays
    ("MQTT5 §2.1.4",                V311, "30 03 0002 61",                                 Some(Truncated)),
    ("[MQTT-3.3.2-14]",             V5,   "30 08 0001 61 04 08 0001 2B",                   Some(TopicName(TopicError::Wildcard))),
    ("MQTT5 [MQTT-4.7.3-1]",        V5,   "30 07 0001 61 03 08 0000",                      Some(TopicName(TopicError::Empty))),
    // properties
    ("MQTT5 §2.2.2.2",              V5,   "30 06 0001 61 02 11 00",                        Some(PropertyNotAllowed { identifier: 0x11, packet_type: PacketType::Publish })),
    ("MQTT5 §3.3.2.3.2",            V5,   "30 08 0001 61 04 0101 0101",                    Some(PropertyTwice { identifier: 0x01 })),
    ("MQTT5 §3.3.2.3.2",            V5,   "30 06 0001 61 02 0102",                         Some(PropertyValue { identifier: 0x01 })),
    ("MQTT5 §3.3.2.3.7",            V5,   "30 10 0001 61 0C 26 0001 61 0000 26 0001 61 0000",   None),
    ("MQTT5 §2.2.2.1",              V5,   "30 06 0001 61 05 0101",                         Some(Truncated)),
    // acknowledgements
    ("MQTT5 §3.4.2.1",              V5,   "40 02 0001",                                    None),
    ("MQTT5 §3.4.2.1",              V5,   "40 03 0001 10",                                 None),
    ("[MQTT-3.4.2-1]",              V5,   "40 03 0001 01",                                 Some(ReasonCode { byte: 1, packet_type: PacketType::PubAck })),
    ("MQTT3 §3.4.2",                V311, "40 03 0001 00",                                 Some(TrailingBytes { packet_type: PacketType::PubAck })),
    ("[MQTT-2.2.1-3]",              V5,   "40 02 0000",                                    Some(PacketIdentifierZero)),
    // SUBSCRIBE, SUBACK, UNSUBSCRIBE
    ("MQTT5 §3.8",                  V5,   "82 07 0001 00 0001 61 2D",                      None),
    ("[MQTT-3.8.3-2]",              V5,   "82 03 0001 00",                                 Some(TopicFilterMissing { packet_type: PacketType::Subscribe })),
    ("MQTT3 [MQTT-3.8.3-3]",        V311, "82 02 0001",                                    Some(TopicFilterMissing { packet_type: PacketType::Subscribe })),
    ("MQTT3 [MQTT-3-8.3-4]",        V311, "82 06 0001 0001 61 04",                         Some(SubscriptionOptions)),
    ("MQTT3 [MQTT-3-8.3-4]",        V311, "82 06 0001 0001 61 03",                         Some(SubscriptionOptions)),
    ("[MQTT-3.8.3-5]",              V5,   "82 07 0001 00 0001 61 40",                      Some(SubscriptionOptions)),
    ("MQTT5 §3.8.3.1",              V5,   "82 07 0001 00 0001 61 30",                      Some(SubscriptionOptions)),
    ("[MQTT-4.7.1-1]",              V5,   "82 08 0001 00 0002 6123 00",                    Some(TopicFilter(TopicError::MisplacedWildcard))),
    ("[MQTT-4.7.3-1]",              V5,   "82 06 0001 00 0000 00",                         Some(TopicFilter(TopicError::Empty))),
    ("[MQTT-3.8.3-4]",              V5,   "82 10 0001 00 000A 2473686172652F672F61 04",    Some(SharedNoLocal)),
    ("MQTT5 §3.8.2.1.2",            V5,   "82 09 0001 02 0B00 0001 61 00",                 Some(PropertyValue { identifier: 0x0B })),
    ("[MQTT-3.10.3-2]",             V5,   "A2 03 0001 00",                                 Some(TopicFilterMissing { packet_type: PacketType::Unsubscribe })),
    ("[MQTT-3.8.4-5]",              V5,   "90 03 0001 00",                                 Some(ReasonCodesMissing { packet_type: PacketType::SubAck })),
    ("MQTT3 [MQTT-3.9.3-2]",        V311, "90 03 0001 87",                                 Some(ReasonCode { byte: 0x87, packet_type: PacketType::SubAck })),
    ("MQTT3 [MQTT-3.9.3-2]",        V311, "90 03 0001 80",                                 None),
    // CONNACK, DISCONNECT
    ("[MQTT-3.2.2-1]",              V5,   "20 03 02 00 00",                                Some(ConnAckFlags)),
    ("[MQTT-3.2.2-6]",              V5,   "20 03 01 87 00",                                Some(ConnAckFlags)),
    ("MQTT3 table 3.1",             V311, "20 02 00 06",                                   Some(ReasonCode { byte: 6, packet_type: PacketType::ConnAck })),
    ("MQTT5 §3.14.2.1",             V5,   "E0 01 04",                                      None),
    ("MQTT5 §3.14.2.1",             V5,   "E0 01 01",                                      Some(ReasonCode { byte: 1, packet_type: PacketType::Disconnect })),
    ("MQTT3 §3.14",                 V311, "E0 01 00",                                      Some(TrailingBytes { packet_type: PacketType::Disconnect })),
    ("[MQTT-1.5.7-1]",              V5,  "30 0B 0001 61 07 26 0001 61 0001 FF",          Some(Text(TextError::Utf8))),
    ("[MQTT-2.2.1-2]",              V5,  "30 06 0001 61 00 0001",                        None),
    ("[MQTT-2.2.2-1]",              V5,  "30 03 0001 61",                                Some(Truncated)),
    ("[MQTT-3.3.2-1]",              V5,  "30 04 0001 FF 00",                             Some(Text(TextError::Utf8))),
    ("[MQTT-3.3.2-13]",             V5,  "30 08 0001 61 04 08 0001 FF",                  Some(Text(TextError::Utf8))),
    ("[MQTT-3.3.2-19]",             V5,  "30 08 0001 61 04 03 0001 FF",                  Some(Text(TextError::Utf8))),
    ("[MQTT-3.5.2-1]",              V5,  "50 03 0001 01",                                Some(ReasonCode { byte: 1, packet_type: PacketType::PubRec })),
    ("[MQTT-3.6.2-1]",              V5,  "62 03 0001 01",                                Some(ReasonCode { byte: 1, packet_type: PacketType::PubRel })),
    ("[MQTT-3.7.2-1]",              V5,  "70 03 0001 01",                                Some(ReasonCode { byte: 1, packet_type: PacketType::PubComp })),
    ("[MQTT-3.8.3-1]",              V5,  "82 07 0001 00 0001 FF 00",                     Some(Text(TextError::Utf8))),
    ("[MQTT-3.10.1-1]",             V5,  "A0 06 0001 00 0001 61",                        Some(ReservedFlags { packet_type: PacketType::Unsubscribe })),
    ("[MQTT-3.10.3-1]",             V5,  "A2 06 0001 00 0001 FF",                        Some(Text(TextError::Utf8))),
    ("[MQTT-3.11.3-2]",             V5,  "B0 04 0001 00 01",                             Some(ReasonCode { byte: 1, packet_type: PacketType::UnsubAck })),
    ("[MQTT-3.2.2-8]",              V5,  "20 03 00 01 00",                               Some(ReasonCode { byte: 1, packet_type: PacketType::ConnAck })),
    ("[MQTT-3.14.1-1]",             V5,  "E1 00",                                        Some(ReservedFlags { packet_type: PacketType::Disconnect })),
    ("[MQTT-3.14.2-1]",             V5,  "E0 01 03",                                     Some(ReasonCode { byte: 3, packet_type: PacketType::Disconnect })),
    ("[MQTT-3.15.1-1]",             V5,  "F1 00",                                        Some(ReservedFlags { packet_type: PacketType::Auth })),
    ("[MQTT-3.15.2-1]",             V5,  "F0 02 01 00",                                  Some(ReasonCode { byte: 1, packet_type: PacketType::Auth })),
];

#[rustfmt::skip] // statement             CONNECT                                          refused with
const CONNECTS: &[(&str, &str, Option<DecodeError>)] = &[
    ("MQTT3 §3.1",                  "10 0D 0004 4D515454 04 02 003C 0001 61",              None),
    ("MQTT5 §3.1",                  "10 0E 0004 4D515454 05 02 003C 00 0001 61",           None),
    ("[MQTT-3.1.0-1]",              "C0 00",                                               Some(ConnectExpected { packet_type: PacketType::PingReq })),
    ("[MQTT-3.1.0-1]",              "16 03 01 02",                                         Some(ReservedFlags { packet_type: PacketType::Connect })), // TLS in TLS
    ("[MQTT-3.1.2-1]",              "10 0D 0004 4D515458 04 02 003C 0001 61",              Some(ProtocolName)),
    ("[MQTT-3.1.2-2]",              "10 0F 0006 4D5149736470 03 02 003C 0001 61",          Some(ProtocolLevel { level: 3 })),
    ("[MQTT-3.1.2-2]",              "10 0D 0004 4D515454 06 02 003C 0001 61",              Some(ProtocolLevel { level: 6 })),
    ("[MQTT-3.1.2-3]",              "10 0D 0004 4D515454 04 03 003C 0001 61",              Some(ConnectFlags)),
    ("[MQTT-3.1.2-11]",             "10 0D 0004 4D515454 04 0A 003C 0001 61",              Some(WillFlags)),
    ("[MQTT-3.1.2-13]",             "10 0D 0004 4D515454 04 22 003C 0001 61",              Some(WillFlags)),
    ("[MQTT-3.1.2-12]",             "10 12 0004 4D515454 04 1E 003C 0001 61 0001 77 0000", Some(WillFlags)),
    ("MQTT5 §3.1.3",                "10 12 0004 4D515454 04 0E 003C 0001 61 0001 77 0000", None),
    ("MQTT3 [MQTT-3.1.2-22]",       "10 10 0004 4D515454 04 42 003C 0001 61 0001 70",      Some(PasswordWithoutUserName)),
    ("MQTT5 §3.1.2.9",              "10 11 0004 4D515454 05 42 003C 00 0001 61 0001 70",   None),
    ("MQTT5 §3.1.2.11.3",           "10 11 0004 4D515454 05 02 003C 03 210000 0001 61",    Some(PropertyValue { identifier: 0x21 })),
    ("MQTT5 §3.1.2.11.10",          "10 11 0004 4D515454 05 02 003C 03 160000 0001 61",    Some(AuthenticationMethodMissing)),
    ("MQTT5 §2.1.4",                "10 0E 0004 4D515454 04 02 003C 0001 61 00",           Some(TrailingBytes { packet_type: PacketType::Connect })),
    ("[MQTT-3.1.2-9]",              "10 0D 0004 4D515454 04 06 003C 0001 61",               Some(Truncated)),
    ("[MQTT-3.1.2-16] [MQTT-3.1.2-18]","10 10 0004 4D515454 04 02 003C 0001 61 0001 75",       Some(TrailingBytes { packet_type: PacketType::Connect })),
    ("[MQTT-3.1.2-17]",             "10 0D 0004 4D515454 04 82 003C 0001 61",               Some(Truncated)),
    ("[MQTT-3.1.2-19]",             "10 10 0004 4D515454 04 C2 003C 0001 61 0001 75",       Some(Truncated)),
    ("[MQTT-3.1.3-1] [MQTT-3.1.3-3]","10 0A 0004 4D515454 04 02 003C",                       Some(Truncated)),
    ("[MQTT-3.1.3-4]",              "10 0D 0004 4D515454 04 02 003C 0001 FF",               Some(Text(TextError::Utf8))),
    ("[MQTT-3.1.3-11]",             "10 12 0004 4D515454 04 06 003C 0001 61 0001 FF 0000",  Some(Text(TextError::Utf8))),
    ("[MQTT-3.1.3-12]",             "10 10 0004 4D515454 04 82 003C 0001 61 0001 FF",       Some(Text(TextError::Utf8))),
];

#[test]
fn packets() {
    for (statement, version, hex, refused) in PACKETS {
        let mut input = bytes(hex);
        match (decode(&mut input, *version, MAX), refused) {
            (Ok(Some(_)), None) => assert!(input.is_empty(), "{statement}: {hex}"),
            (Err(error), Some(refused)) => assert_eq!(error, *refused, "{statement}: {hex}"),
            (other, _) => panic!("{statement}: {hex}: {other:?}"),
        }
    }
}

#[test]
fn first_packets() {
    for (statement, hex, refused) in CONNECTS {
        let mut input = bytes(hex);
        match (decode_connect(&mut input, MAX), refused) {
            (Ok(Some(_)), None) => assert!(input.is_empty(), "{statement}: {hex}"),
            (Err(error), Some(refused)) => assert_eq!(error, *refused, "{statement}: {hex}"),
            (other, _) => panic!("{statement}: {hex}: {other:?}"),
        }
    }
}

#[test]
fn a_packet_that_is_not_all_there_is_waited_for() {
    let whole = bytes("32 08 0001 61 0001 00 6869");
    for length in 0..whole.len() {
        let mut input = BytesMut::from(&whole[..length]);
        assert_eq!(decode(&mut input, V5, MAX), Ok(None));
        assert_eq!(input, whole[..length], "nothing is taken off");
    }
}

#[test]
fn errors_map_to_the_code_mqtt5_gives_them() {
    let code = |error: DecodeError| error.reason_code();
    assert_eq!(code(PacketTooLarge { packet_bytes: 2, packet_bytes_max: 1 }), crate::ReasonCode::PacketTooLarge);
    assert_eq!(code(PropertyValue { identifier: 0x23 }), crate::ReasonCode::TopicAliasInvalid);
    assert_eq!(code(PropertyTwice { identifier: 0x23 }), crate::ReasonCode::ProtocolError);
    assert_eq!(code(Truncated), crate::ReasonCode::MalformedPacket);
}
