//! What ends a connection or is refused, beside what is just within the limits.
mod dialogue;

use bytes::BytesMut;
use dialogue::*;
use sekisho_gate::{CloseReason, Connection, Output, Sequence, Settings};
use sekisho_mqtt::ProtocolVersion::{V5, V311};
use sekisho_mqtt::*;

/// What came of it: the code of a DISCONNECT or CONNACK (0xFF for none), or `None` if all went on.
fn ended(d: &mut Dialogue, version: ProtocolVersion, packet: &Packet) -> Option<(CloseReason, u8)> {
    let mut bytes = BytesMut::new();
    encode(packet, version, &mut bytes);
    d.gate.handle_bytes(d.now, &mut bytes);
    ended_gate(&mut d.gate, version, d.now)
}

fn ended_gate(gate: &mut Connection, version: ProtocolVersion, now: std::time::Instant) -> Option<(CloseReason, u8)> {
    let close = std::iter::from_fn(|| gate.poll_output()).find_map(|output| match output {
        Output::Close(close) => Some(close),
        _ => None,
    })?;
    let mut written = std::mem::take(gate.outgoing(now));
    let mut code = 0xFF;
    while let Some(packet) = decode(&mut written, version, u32::MAX).unwrap() {
        match packet {
            Packet::Disconnect(disconnect) => code = disconnect.reason_code.byte(),
            Packet::ConnAck(connack) => code = connack.reason_code.byte(),
            _ => {}
        }
    }
    Some((close.reason, code))
}

fn topic(prefix: &str, slashes: usize, bytes: usize) -> String {
    let rest = "/".repeat(slashes);
    format!("{prefix}{rest}{}", "x".repeat(bytes - rest.len()))
}

fn publish_to(topic: &str) -> Packet {
    publish(topic, b"", None)
}

fn sized(payload: usize) -> Packet {
    publish("a", &vec![0; payload], None)
}

fn with_qos_2() -> Packet {
    Packet::Publish(Publish { qos: QoS::ExactlyOnce, ..bare_publish("a", b"", Some(1)) })
}

fn filters(count: usize) -> Packet {
    let names: Vec<String> = (0..count).map(|n| format!("f/{n}")).collect();
    let filters: Vec<(&str, QoS)> = names.iter().map(|name| (name.as_str(), QoS::AtMostOnce)).collect();
    subscribe(1, &filters)
}

fn filter(filter: &str) -> Packet {
    subscribe(1, &[(filter, QoS::AtMostOnce)])
}

fn aliased(alias: u16) -> Packet {
    let mut publish = bare_publish("a", b"", None);
    let topic_alias = std::num::NonZeroU16::new(alias);
    publish.properties = Some(Box::new(PublishProperties { topic_alias, ..PublishProperties::default() }));
    Packet::Publish(publish)
}

fn with_subscription_identifier() -> Packet {
    let Packet::Subscribe(mut subscribe) = filter("a") else { unreachable!("it is one") };
    let subscription_identifier = SubscriptionIdentifier::new(1);
    subscribe.properties =
        Some(Box::new(SubscribeProperties { subscription_identifier, ..SubscribeProperties::default() }));
    Packet::Subscribe(subscribe)
}

fn publish_with_subscription_identifier() -> Packet {
    let mut publish = bare_publish("a", b"", None);
    let subscription_identifiers = vec![SubscriptionIdentifier::new(1).unwrap()];
    publish.properties = Some(Box::new(PublishProperties { subscription_identifiers, ..PublishProperties::default() }));
    Packet::Publish(publish)
}

fn disconnect_with_expiry() -> Packet {
    let properties = DisconnectProperties { session_expiry_interval_s: Some(1), ..DisconnectProperties::default() };
    Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: Some(Box::new(properties)) })
}

#[rustfmt::skip] // statement or quota                    packet                                         v5 code, or it goes on
fn packets() -> Vec<(&'static str, Packet, Option<u8>)> { vec![
    ("quotas: payload 128 KiB",                  sized(131_072),                                None),
    ("quotas: payload 128 KiB",                  sized(131_073),                                Some(0x95)),
    ("quotas: packet",                           sized(149_504),                                Some(0x95)),
    ("quotas: topic 256 bytes",                  publish_to(&topic("", 0, 256)),                None),
    ("quotas: topic 256 bytes",                  publish_to(&topic("", 0, 257)),                Some(0x90)),
    ("quotas: topic 7 slashes",                  publish_to(&topic("", 7, 20)),                 None),
    ("quotas: topic 7 slashes",                  publish_to(&topic("", 8, 20)),                 Some(0x90)),
    ("basic ingest: prefix does not count",      publish_to(&topic("$aws/rules/r/", 7, 256)),   None),
    ("basic ingest: prefix does not count",      publish_to(&topic("$aws/rules/r/", 8, 256)),   Some(0x90)),
    ("quotas: filter 256 bytes",                 filter(&topic("", 0, 256)),                    None),
    ("quotas: filter 256 bytes",                 filter(&topic("", 0, 257)),                    Some(0x8F)),
    ("quotas: filter 7 slashes",                 filter(&topic("", 8, 20)),                     Some(0x8F)),
    ("reserved topics",                          publish_to("$SYS/broker/uptime"),              Some(0x90)),
    ("reserved topics",                          publish_to("$aws"),                            Some(0x90)),
    ("reserved topics",                          publish_to("$aws/things/a/jobs/get"),          None),
    ("reserved topics",                          filter("$SYS/#"),                              Some(0x8F)),
    ("reserved topics",                          filter("$share/g/$SYS/#"),                     Some(0x8F)),
    ("reserved topics",                          filter("$aws/nothing/of/the/kind"),            Some(0x8F)),
    ("reserved topics",                          filter("$aws/events/#"),                       None),
    ("reserved topics have 8",                   filter("$aws/commands/things/a/executions/b/response/accepted/json"), None),
    ("reserved topics",                          filter("$aws/+/pump-7/shadow/get/accepted"),   None),
    ("shared subscription: share does not count", filter(&topic("$share/g/", 7, 256)),          None),
    ("quotas: 8 filters per SUBSCRIBE",          filters(8),                                    None),
    ("quotas: 8 filters per SUBSCRIBE",          filters(9),                                    Some(0x97)),
    ("AWS: QoS 2 is not supported [MQTT-3.2.2-11]", with_qos_2(),                                  Some(0x9B)),
    ("MQTT5 [MQTT-3.1.0-2]",                     connect(V5, "again"),                          Some(0x82)),
    ("AWS: no QoS 2 packets",                    Packet::PubRel(PubRel::new(id(1), ReasonCode::Success)), Some(0x82)),
    ("MQTT5 §2.1.2: server packets",             Packet::PingResp,                              Some(0x82)),
] }

#[rustfmt::skip] // statement or quota                    packet                                         v5 code, or it goes on
fn mqtt5_packets() -> Vec<(&'static str, Packet, Option<u8>)> { vec![
    ("quotas: 8 topic aliases",                  aliased(8),                                    None),
    ("[MQTT-3.3.2-9]",                           aliased(9),                                    Some(0x94)),
    ("AWS: no subscription identifiers",         with_subscription_identifier(),                Some(0xA1)),
    ("[MQTT-3.3.4-6]",                           publish_with_subscription_identifier(),        Some(0x82)),
    ("MQTT5 §3.14.2.2.2",                        disconnect_with_expiry(),                      Some(0x82)),
    ("[MQTT-4.12.0-6]",                          Packet::Auth(Auth { reason_code: ReasonCode::ReAuthenticate, properties: None }), Some(0x82)),
] }

#[test]
fn packets_within_and_beyond_the_limits() {
    for (statement, packet, code) in packets().into_iter().chain(mqtt5_packets()) {
        let mut d = Dialogue::connected(V5, Settings::default());
        let expected = code.map(|code| (CloseReason::ClientError, code));
        assert_eq!(ended(&mut d, V5, &packet), expected, "{statement}");
    }
    for (statement, packet, code) in packets() {
        let mut d = Dialogue::connected(V311, Settings::default());
        let expected = code.map(|_| (CloseReason::ClientError, 0xFF));
        assert_eq!(ended(&mut d, V311, &packet), expected, "{statement}, MQTT3");
    }
}

#[test]
fn the_51st_subscription_ends_the_connection() {
    let mut d = Dialogue::connected(V5, Settings::default());
    for number in 0..50u16 {
        let packet = subscribe(number + 1, &[(&format!("f/{number}"), QoS::AtMostOnce), ("f/0", QoS::AtMostOnce)]);
        assert_eq!(ended(&mut d, V5, &packet), None, "a filter held already does not count again");
        d.gate.subscribed(id(number + 1), vec![Ok(QoS::AtMostOnce); 2], Sequence(0));
    }
    assert_eq!(ended(&mut d, V5, &unsubscribe(100, &["f/0"])), None);
    assert_eq!(ended(&mut d, V5, &subscribe(101, &[("g/0", QoS::AtMostOnce)])), None);
    d.gate.subscribed(id(101), vec![Err(sekisho_gate::Refusal::NotAuthorized)], Sequence(0)); // a refused one does not count
    assert_eq!(ended(&mut d, V5, &subscribe(102, &[("g/1", QoS::AtMostOnce)])), None);
    let one_more = subscribe(103, &[("g/2", QoS::AtMostOnce)]);
    assert_eq!(ended(&mut d, V5, &one_more), Some((CloseReason::ClientError, 0x97)));
}

#[test]
fn the_101st_unacknowledged_message_ends_an_mqtt5_connection() {
    let mut d = Dialogue::connected(V5, Settings::default());
    for number in 1..=100 {
        assert_eq!(ended(&mut d, V5, &publish("a", b"", Some(number))), None, "[MQTT-3.3.4-9]");
    }
    assert_eq!(ended(&mut d, V5, &publish("a", b"", Some(101))), Some((CloseReason::ClientError, 0x93)));
}

fn first(change: impl FnOnce(&mut Connect), version: ProtocolVersion) -> Option<(CloseReason, u8)> {
    let mut connect = bare_connect(version, "pump-7");
    change(&mut connect);
    let mut d = Dialogue::new(version, Settings::default());
    ended(&mut d, version, &Packet::Connect(Box::new(connect)))
}

/// Makes an acceptable CONNECT another one.
type Change = fn(&mut Connect);

fn will(topic: &str, qos: QoS) -> Option<Will> {
    Some(Will { topic: text(topic), payload: BinaryData::default(), qos, retain: false, properties: None })
}

#[rustfmt::skip] // statement or quota                    CONNECT                                        v5 code      MQTT3: as v5, or 0xFF
const CONNECTS: &[(&str, Change, Option<u8>, u8)] = &[
    ("quotas: client id 128 bytes",              |c| c.client_id = text(&"x".repeat(128)),      None,        0xFF),
    ("quotas: client id 128 bytes",              |c| c.client_id = text(&"x".repeat(129)),      Some(0x85),  0x85),
    ("model: client id does not start with $",   |c| c.client_id = text("$me"),                 Some(0x85),  0x85),
    ("MQTT5 §3.1.3.1: the server chooses",       |c| c.client_id = text(""),                    None,        0xFF),
    ("AWS: will QoS 2 [MQTT-3.2.2-12]",          |c| c.will = will("gone", QoS::ExactlyOnce),   Some(0x9B),  0xFF),
    ("AWS: will QoS 1",                          |c| c.will = will("gone", QoS::AtLeastOnce),   None,        0xFF),
    ("[MQTT-3.3.2-2] of the will",               |c| c.will = will("gone/#", QoS::AtMostOnce),  Some(0x90),  0xFF),
    ("[MQTT-4.7.3-1] of the will",               |c| c.will = will("", QoS::AtMostOnce),        Some(0x90),  0xFF),
    ("quotas: topic 7 slashes, of the will",     |c| c.will = will("////////", QoS::AtMostOnce), Some(0x90), 0xFF),
];

#[test]
fn connects() {
    for (statement, change, code, mqtt3) in CONNECTS {
        assert_eq!(first(change, V5), code.map(|code| (CloseReason::ClientError, code)), "{statement}");
        assert_eq!(first(change, V311), code.map(|_| (CloseReason::ClientError, *mqtt3)), "{statement}, MQTT3");
    }
    let nobody = first(|c| (c.client_id, c.clean_start) = (text(""), false), V311);
    assert_eq!(nobody, Some((CloseReason::ClientError, 0x85)), "MQTT3 [MQTT-3.1.3-8]");
    let authentication = |c: &mut Connect| {
        let authentication_method = Some(text("SCRAM"));
        c.properties = Some(Box::new(ConnectProperties { authentication_method, ..ConnectProperties::default() }));
    };
    assert_eq!(first(authentication, V5), Some((CloseReason::ClientError, 0x8C)), "[MQTT-4.12.0-1]");
}

#[rustfmt::skip] // statement             first bytes                                                    v  code
const FIRST_BYTES: &[(&str, &[u8], ProtocolVersion, u8)] = &[
    ("[MQTT-3.1.0-1]",       b"\xC0\x00",                                                   V5,   0xFF),
    ("[MQTT-3.1.0-1]",       b"GET / HTTP/1.1\r\n",                                         V5,   0xFF),
    ("[MQTT-3.1.2-2]",       b"\x10\x0F\x00\x06MQIsdp\x03\x02\x00\x3C\x00\x01a",            V311, 0x84),
    ("[MQTT-3.1.2-2]",       b"\x10\x0D\x00\x04MQTT\x06\x02\x00\x3C\x00\x01a",              V5,   0x84),
    ("[MQTT-3.1.2-3]",       b"\x10\x0E\x00\x04MQTT\x05\x03\x00\x3C\x00\x00\x01a",          V5,   0x81),
    ("[MQTT-3.1.2-3]",       b"\x10\x0D\x00\x04MQTT\x04\x03\x00\x3C\x00\x01a",              V311, 0xFF),
];

#[test]
fn first_bytes() {
    for (statement, bytes, version, code) in FIRST_BYTES {
        let mut d = Dialogue::new(*version, Settings::default());
        d.gate.handle_bytes(d.now, &mut BytesMut::from(*bytes));
        let ended = ended_gate(&mut d.gate, *version, d.now);
        assert_eq!(ended, Some((CloseReason::ClientError, *code)), "{statement}");
    }
}

#[rustfmt::skip] // profile, keep alive         asked  used: MQTT 3.1.1, MQTT 5
const KEEP_ALIVES: &[(&str, u16, u16, u16)] = &[
    ("aws: 0 is 1200",                          0,     1200,  1200),
    ("aws: below 30 is 30",                     29,    30,    30),
    ("aws: 30 to 1200 as asked",                60,    60,    60),
    ("aws: above 1200 is 1200",                 1201,  1200,  1200),
    ("mqtt: as asked",                          1,     1,     1),
    ("mqtt: above 60, 60 if it can be told",    61,    61,    60),
];

#[test]
fn keep_alives() {
    for version in [V311, V5] {
        for (quota, asked, used_v311, used_v5) in KEEP_ALIVES {
            let used = if version == V311 { used_v311 } else { used_v5 };
            let settings = || if quota.starts_with("aws") { Settings::default() } else { Settings::mqtt() };
            let mut connect = bare_connect(version, "pump-7");
            connect.keep_alive_s = *asked;
            let mut d = Dialogue::new(version, settings());
            let mut bytes = BytesMut::new();
            encode(&Packet::Connect(Box::new(connect)), version, &mut bytes);
            d.gate.handle_bytes(d.now, &mut bytes);
            let Some(Output::Connect(request)) = d.gate.poll_output() else { panic!("{quota}") };
            assert_eq!(request.keep_alive_s, *used, "{quota}");
            d.accept();
            let silence = std::time::Duration::from_millis(u64::from(*used) * 1500);
            assert_eq!(d.gate.poll_timeout(), Some(d.now + silence), "{quota}");
        }
    }
}

/// Silence is the client's only while it is read from.
#[test]
fn a_client_that_is_not_read_from_is_not_silent() {
    let mut d = Dialogue::connected(V5, Settings::default());
    d.wait(89);
    let now = d.now;
    d.shell(|gate| gate.handle_not_read(now));
    d.wait(89);
    assert!(d.gate.is_connected());
    d.wait(2);
    assert!(d.gate.is_closed());
}

/// A rate of bytes is no deadline: what is over it is read later, and nobody is silent meanwhile.
#[test]
fn what_is_over_the_rate_of_bytes_is_read_later() {
    let settings = Settings { received_bytes_per_s: 1000, ..Settings::default() };
    let mut d = Dialogue::connected(V311, settings);
    for n in 0..30 {
        d.send(publish("a", &[0; 90], Some(n + 1)));
    }
    assert!(!d.gate.takes_input(), "3,000 bytes at once, 1,000 a second");
    let until = d.gate.poll_timeout().expect("a time");
    assert!(until > d.now && until < d.now + std::time::Duration::from_secs(3));
    d.wait(3);
    assert!(d.gate.takes_input() && d.gate.is_connected());
}

#[test]
fn unsubscribe_holds_no_more_filters_than_a_connection() {
    let settings = Settings { subscriptions_per_connection_max: 2, ..Settings::default() };
    let mut d = Dialogue::connected(V5, settings.clone());
    d.send(unsubscribe(1, &["a", "b"]));
    assert!(d.gate.is_connected());
    d.send(unsubscribe(2, &["a", "b", "c"]));
    assert!(d.gate.is_closed());
}

/// A will is kept as long as the connection, a CONNECT's buffer is not.
#[test]
fn a_will_keeps_nothing_but_itself() {
    let pair = UserProperty { name: text("a"), value: text("b") };
    let properties = WillProperties { user_properties: vec![pair; 1_000], ..WillProperties::default() };
    let mut d = Dialogue::new(V5, Settings::default());
    let mut connect = bare_connect(V5, "pump-7");
    let payload = BinaryData::new(b"gone".as_slice().into()).unwrap();
    connect.will = will("gone", QoS::AtMostOnce).map(|will| Will {
        payload,
        properties: Some(Box::new(properties.clone())),
        ..will
    });
    let mut bytes = BytesMut::new();
    encode(&Packet::Connect(Box::new(connect)), V5, &mut bytes);
    d.gate.handle_bytes(d.now, &mut bytes);
    let Some(Output::Connect(request)) = d.gate.poll_output() else { panic!("a CONNECT") };
    let will = request.will.expect("a will");
    assert!(will.payload.is_unique());
    let kept = will.properties.as_deref().expect("properties");
    assert_eq!(*kept, properties);
    assert!(kept.user_properties.iter().all(|pair| pair.name.bytes().is_unique() && pair.value.bytes().is_unique()));
    assert!(will.bytes() >= 1_000 * (size_of::<UserProperty>() + 2 * 24), "what 7,000 bytes on the wire take");
}

/// Basic ingest's prefix counts towards no limit of a topic, and an alias keeps it.
#[test]
fn the_topics_of_aliases_weigh_64_kib_together() {
    let mut d = Dialogue::connected(V5, Settings::default());
    let define = |alias: u16, bytes: usize| {
        let mut publish = bare_publish(&format!("$aws/rules/{}/x", "r".repeat(bytes)), b"", None);
        let topic_alias = std::num::NonZeroU16::new(alias);
        publish.properties = Some(Box::new(PublishProperties { topic_alias, ..PublishProperties::default() }));
        Packet::Publish(publish)
    };
    assert_eq!(ended(&mut d, V5, &define(1, 60_000)), None);
    assert_eq!(ended(&mut d, V5, &define(1, 65_000)), None, "the one before is gone");
    assert_eq!(ended(&mut d, V5, &define(2, 400)), None);
    assert_eq!(ended(&mut d, V5, &define(3, 400)), Some((CloseReason::ClientError, 0x97)));
}

/// [MQTT-3.1.2-24]: a client that takes 4 bytes at once takes no CONNACK.
#[test]
fn a_refusal_is_not_over_the_clients_maximum_packet_size() {
    for (maximum, code) in [(4, 0xFF), (5, 0x87)] {
        let mut d = Dialogue::new(V5, Settings::default());
        let mut connect = bare_connect(V5, "pump-7");
        let maximum_packet_size = std::num::NonZeroU32::new(maximum);
        connect.properties = Some(Box::new(ConnectProperties { maximum_packet_size, ..ConnectProperties::default() }));
        assert_eq!(ended(&mut d, V5, &Packet::Connect(Box::new(connect.clone()))), None);
        d.gate.refuse(sekisho_gate::Refusal::NotAuthorized);
        assert_eq!(ended_gate(&mut d.gate, V5, d.now), Some((CloseReason::AuthError, code)), "{maximum}");
        connect.client_id = text("$me");
        let mut d = Dialogue::new(V5, Settings::default());
        let code = if maximum == 4 { 0xFF } else { 0x85 };
        let refused = ended(&mut d, V5, &Packet::Connect(Box::new(connect)));
        assert_eq!(refused, Some((CloseReason::ClientError, code)), "{maximum}");
    }
}

/// The message expiry of a will is held to the same bounds as any.
#[test]
fn a_will_expires_in_time() {
    for (asked, kept) in [(0, 1), (604_800, 604_800), (u32::MAX, 604_800)] {
        let mut d = Dialogue::new(V5, Settings::default());
        let mut connect = bare_connect(V5, "pump-7");
        let properties = WillProperties { message_expiry_interval_s: Some(asked), ..WillProperties::default() };
        connect.will =
            will("gone", QoS::AtMostOnce).map(|will| Will { properties: Some(Box::new(properties)), ..will });
        let mut bytes = BytesMut::new();
        encode(&Packet::Connect(Box::new(connect)), V5, &mut bytes);
        d.gate.handle_bytes(d.now, &mut bytes);
        let Some(Output::Connect(request)) = d.gate.poll_output() else { panic!("a CONNECT") };
        let properties = request.will.and_then(|will| will.properties).expect("properties");
        assert_eq!(properties.message_expiry_interval_s, Some(kept));
    }
}

/// What the shell weighs: what came and is not whole, what is written and not sent, what waits for the window.
#[test]
fn a_connection_says_what_it_holds() {
    let mut d = Dialogue::connected(V311, Settings { send_maximum: 1, ..Settings::default() });
    d.send_bytes("half a PUBLISH", b"\x30\xFF\x7F\x00\x01a12345");
    assert!((11..100).contains(&d.gate.undecoded_bytes()), "{}", d.gate.undecoded_bytes());
    assert_eq!((d.gate.unfinished_bytes(), d.gate.unsent_bytes()), (11, 0));
    assert!(d.deliver("a", &[0; 1000], QoS::AtLeastOnce) && d.deliver("a", &[0; 1000], QoS::AtLeastOnce));
    assert!((1000..1400).contains(&d.gate.unsent_bytes()), "one is sent, one waits: {}", d.gate.unsent_bytes());
    let delivery = std::sync::Arc::new(sekisho_gate::Delivery::new(d.now, &text("a"), &[0; 1000], None, false));
    assert!(d.gate.deliver(d.now, &delivery, QoS::AtMostOnce));
    assert!(d.gate.is_writing());
    assert_eq!(d.gate.room_to_write(None), 256 * 1024 - 1006, "fixed header, topic and payload are written");
    assert!((17_000..18_000).contains(&d.gate.room_to_write(Some(20_000))), "and another waits");
    assert_eq!(d.gate.room_to_write(Some(100)), 0);
    d.gate.refuse_more("too much");
    assert!(d.gate.is_closed());
}

/// The beginning of a packet does not keep the buffer of the large one before it.
#[test]
fn a_rest_holds_nothing_but_itself() {
    let mut d = Dialogue::connected(V311, Settings::default());
    let mut bytes = BytesMut::new();
    encode(&sized(100_000), V311, &mut bytes);
    bytes.extend_from_slice(b"\x30");
    d.send_bytes("a PUBLISH, and the beginning of another", &bytes);
    d.gate.release_buffers();
    assert_eq!(d.gate.unfinished_bytes(), 1);
    assert!(d.gate.undecoded_bytes() < 100, "{}", d.gate.undecoded_bytes());
    d.send_bytes("its end", b"\x03\x00\x01a");
    assert_eq!(d.gate.unfinished_bytes(), 0);
}

/// Nor do the last bytes for a client that took almost all keep what it took.
#[test]
fn what_is_left_to_write_holds_nothing_but_itself() {
    let mut d = Dialogue::connected(V311, Settings::default());
    let delivery = std::sync::Arc::new(sekisho_gate::Delivery::new(d.now, &text("a"), &[7; 100_000], None, false));
    for left in [10, 20] {
        assert!(d.gate.deliver(d.now, &delivery, QoS::AtMostOnce));
        d.gate.release_buffers();
        assert!(d.gate.unsent_bytes() >= 100_000);
        let outgoing = d.gate.outgoing(d.now);
        bytes::Buf::advance(outgoing, outgoing.len() - left);
        d.gate.release_buffers();
        assert!((left..100).contains(&d.gate.unsent_bytes()), "{}", d.gate.unsent_bytes());
        assert_eq!(d.gate.outgoing(d.now)[..], vec![7; left]);
    }
}
