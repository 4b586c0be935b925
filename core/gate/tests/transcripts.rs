//! The main dialogues in both versions, as transcripts.
mod dialogue;

use std::num::NonZeroU16;

use dialogue::*;
use expect_test::expect;
use sekisho_gate::{CloseReason, Refusal, Sequence, Settings};
use sekisho_mqtt::ProtocolVersion::{V5, V311};
use sekisho_mqtt::*;

#[test]
fn a_day_in_the_life_of_an_mqtt3_client() {
    let mut d = Dialogue::new(V311, Settings::default());
    d.send(connect(V311, "pump-7"));
    d.accept();
    d.send(subscribe(1, &[("pump/7/#", QoS::ExactlyOnce), ("news", QoS::AtMostOnce)]));
    d.shell(|gate| gate.subscribed(id(1), vec![Ok(QoS::AtLeastOnce), Err(Refusal::NotAuthorized)], Sequence(0)));
    d.send(publish("plant/7", b"21.5", Some(2)));
    d.send(publish("plant/7", b"21.6", Some(3)));
    d.send(publish("plant/7", b"21.7", None));
    d.shell(|gate| gate.publish_accepted(id(3), Sequence(8)));
    d.shell(|gate| gate.handle_persisted(Sequence(8))); // 2 has not been decided, and 3 is behind it
    d.shell(|gate| gate.publish_accepted(id(2), Sequence(9)));
    d.shell(|gate| gate.handle_persisted(Sequence(9)));
    assert!(d.deliver("pump/7/stop", b"now", QoS::AtLeastOnce));
    d.send(puback(1));
    assert!(d.deliver("pump/7/speed", b"3", QoS::AtMostOnce));
    d.send(unsubscribe(4, &["pump/7/#"]));
    d.shell(|gate| gate.unsubscribed(id(4), vec![Ok(true)], Sequence(0)));
    d.send(Packet::PingReq);
    d.send(disconnect());
    d.check(expect![[r#"
        -> CONNECT pump-7 level 4
        -- Connect pump-7 keep alive 60 s
        <- CONNACK 0x00 success
        -> SUBSCRIBE id 1 pump/7/# at 2, news at 0
        -- Subscribe id 1 pump/7/# at 1, news at 0
        <- SUBACK id 1 0x01 0x80
        -> PUBLISH plant/7 "21.5" id 2
        -- Publish plant/7 "21.5" id 2
        -> PUBLISH plant/7 "21.6" id 3
        -- Publish plant/7 "21.6" id 3
        -> PUBLISH plant/7 "21.7"
        -- Publish plant/7 "21.7"
        <- PUBACK id 2 0x00 success
        <- PUBACK id 3 0x00 success
        <- PUBLISH pump/7/stop "now" id 1
        -> PUBACK id 1 0x00 success
        <- PUBLISH pump/7/speed "3"
        -> UNSUBSCRIBE id 4
        -- Unsubscribe id 4 pump/7/#
        <- UNSUBACK id 4
        -> PINGREQ
        <- PINGRESP
        -> DISCONNECT 0x00 success
        -- Close CLIENT_INITIATED_DISCONNECT: the client sent DISCONNECT: 0x00 success
    "#]]);
}

/// [MQTT-3.2.2-9], [MQTT-3.2.2-10], [MQTT-3.1.2-28].
#[test]
fn a_day_in_the_life_of_an_mqtt5_client() {
    let mut d = Dialogue::new(V5, Settings::default());
    let mut connect = bare_connect(V5, "pump-7");
    connect.keep_alive_s = 10;
    connect.will = Some(Will {
        topic: text("plant/7/gone"),
        payload: BinaryData::default(),
        qos: QoS::AtLeastOnce,
        retain: false,
        properties: None,
    });
    connect.properties =
        Some(Box::new(ConnectProperties { session_expiry_interval_s: Some(3600), ..ConnectProperties::default() }));
    d.send(Packet::Connect(Box::new(connect)));
    d.accept();
    d.send(subscribe(
        1,
        &[("pump/7/#", QoS::ExactlyOnce), ("$share/g/jobs", QoS::AtLeastOnce), ("news", QoS::AtMostOnce)],
    ));
    d.shell(|gate| {
        gate.subscribed(
            id(1),
            vec![Ok(QoS::AtLeastOnce), Ok(QoS::AtLeastOnce), Err(Refusal::NotAuthorized)],
            Sequence(0),
        )
    });
    d.send(publish("plant/7", b"21.5", Some(2)));
    d.send(publish("secret", b"", Some(3)));
    d.shell(|gate| gate.publish_refused(Some(id(3)), Refusal::NotAuthorized));
    d.shell(|gate| gate.publish_accepted(id(2), Sequence(1)));
    d.shell(|gate| gate.handle_persisted(Sequence(1)));
    d.send(unsubscribe(4, &["pump/7/#"]));
    d.shell(|gate| gate.unsubscribed(id(4), vec![Ok(true)], Sequence(0)));
    d.send(Packet::Disconnect(Disconnect { reason_code: ReasonCode::DisconnectWithWillMessage, properties: None }));
    d.check(expect![[r#"
        -> CONNECT pump-7 level 5
        -- Connect pump-7 keep alive 30 s, session for 3600 s, will to plant/7/gone
        <- CONNACK 0x00 success ConnAckProperties {
            session_expiry_interval_s: Some(
                3600,
            ),
            receive_maximum: Some(
                100,
            ),
            maximum_qos: Some(
                AtLeastOnce,
            ),
            retain_available: Some(
                true,
            ),
            maximum_packet_size: Some(
                149504,
            ),
            topic_alias_maximum: Some(
                8,
            ),
            wildcard_subscription_available: Some(
                true,
            ),
            subscription_identifiers_available: Some(
                false,
            ),
            shared_subscription_available: Some(
                true,
            ),
            server_keep_alive_s: Some(
                30,
            ),
        }
        -> SUBSCRIBE id 1 pump/7/# at 2, $share/g/jobs at 1, news at 0
        -- Subscribe id 1 pump/7/# at 1, $share/g/jobs at 1, news at 0
        <- SUBACK id 1 0x01 0x01 0x87
        -> PUBLISH plant/7 "21.5" id 2
        -- Publish plant/7 "21.5" id 2
        -> PUBLISH secret "" id 3
        -- Publish secret "" id 3
        <- PUBACK id 2 0x00 success
        <- PUBACK id 3 0x87 not authorized
        -> UNSUBSCRIBE id 4
        -- Unsubscribe id 4 pump/7/#
        <- UNSUBACK id 4 0x00
        -> DISCONNECT 0x04 disconnect with will message
        -- Close CLIENT_INITIATED_DISCONNECT, with will: the client sent DISCONNECT: 0x04 disconnect with will message
    "#]]);
}

/// [MQTT-3.1.4-2], [MQTT-3.1.4-6].
#[test]
fn a_refused_client_is_told_in_its_versions_way() {
    for (version, settings) in [
        (V311, Settings::default()),
        (V311, Settings { connack_on_refusal: true, ..Settings::default() }),
        (V5, Settings::default()),
    ] {
        let mut d = Dialogue::new(version, settings);
        d.send(connect(version, "pump-7"));
        d.shell(|gate| gate.refuse(Refusal::NotAuthorized));
        match (version, d.transcript.contains("CONNACK")) {
            (V311, false) => d.check(expect![[r#"
                -> CONNECT pump-7 level 4
                -- Connect pump-7 keep alive 60 s
                -- Close AUTH_ERROR: not authorized
            "#]]),
            (V311, true) => d.check(expect![[r#"
                -> CONNECT pump-7 level 4
                -- Connect pump-7 keep alive 60 s
                <- CONNACK 0x87 not authorized
                -- Close AUTH_ERROR: not authorized
            "#]]),
            (V5, _) => d.check(expect![[r#"
                -> CONNECT pump-7 level 5
                -- Connect pump-7 keep alive 60 s
                <- CONNACK 0x87 not authorized
                -- Close AUTH_ERROR: not authorized
            "#]]),
        }
    }
}

#[test]
fn what_follows_connect_waits_until_it_is_accepted() {
    let mut d = Dialogue::new(V311, Settings::default());
    d.send(connect(V311, "eager"));
    d.send(publish("a", b"1", Some(1)));
    d.send(Packet::PingReq);
    d.accept();
    d.check(expect![[r#"
        -> CONNECT eager level 4
        -- Connect eager keep alive 60 s
        -> PUBLISH a "1" id 1
        -> PINGREQ
        <- CONNACK 0x00 success
        -- Publish a "1" id 1
        <- PINGRESP
    "#]]);
}

#[test]
fn a_refused_publish_ends_an_mqtt3_connection_before_what_is_behind_it() {
    let mut d = Dialogue::connected(V311, Settings::default());
    let mut bytes = bytes::BytesMut::new();
    for topic in ["secret", "plant/7"] {
        encode(&publish(topic, b"", Some(1)), V311, &mut bytes);
    }
    encode(&disconnect(), V311, &mut bytes);
    d.gate.handle_bytes(d.now, &mut bytes);
    assert!(matches!(d.gate.poll_output(), Some(sekisho_gate::Output::Publish(p)) if &p.topic == "secret"));
    d.shell(|gate| gate.publish_refused(Some(id(1)), Refusal::NotAuthorized));
    d.check(expect![[r#"
        -- Close AUTH_ERROR, with will: PUBLISH refused: not authorized
    "#]]);
}

#[test]
fn a_refused_publish_in_mqtt5() {
    let mut d = Dialogue::connected(V5, Settings::default());
    d.send(publish("busy", b"", None));
    d.shell(|gate| gate.publish_refused(None, Refusal::QuotaExceeded));
    d.send(publish("busy", b"", Some(1)));
    d.shell(|gate| gate.publish_refused(Some(id(1)), Refusal::QuotaExceeded));
    d.send(publish("secret", b"", None));
    d.shell(|gate| gate.publish_refused(None, Refusal::NotAuthorized));
    d.check(expect![[r#"
        -> PUBLISH busy ""
        -- Publish busy ""
        -> PUBLISH busy "" id 1
        -- Publish busy "" id 1
        <- PUBACK id 1 0x97 quota exceeded
        -> PUBLISH secret ""
        -- Publish secret ""
        <- DISCONNECT 0x87 not authorized
        -- Close AUTH_ERROR, with will: PUBLISH refused: not authorized
    "#]]);
}

#[test]
fn the_shell_ends_connections() {
    let mut d = Dialogue::connected(V5, Settings::default());
    d.shell(|gate| gate.disconnect(CloseReason::DuplicateClientId));
    d.check(expect![[r#"
        <- DISCONNECT 0x8E session taken over
        -- Close DUPLICATE_CLIENTID, with will: another connection took the client id over
    "#]]);
    let mut d = Dialogue::connected(V5, Settings::default());
    d.shell(|gate| gate.disconnect(CloseReason::AuthError));
    d.check(expect![[r#"
        <- DISCONNECT 0x87 not authorized
        -- Close AUTH_ERROR, with will: the client is not, or no longer, authorized
    "#]]);
    let mut d = Dialogue::connected(V311, Settings::default());
    d.shell(|gate| gate.disconnect(CloseReason::ServerInitiatedDisconnect));
    d.check(expect![[r#"
        -- Close SERVER_INITIATED_DISCONNECT, with will: the server is shutting down
    "#]]);
    let mut d = Dialogue::connected(V5, Settings::default());
    d.shell(|gate| gate.handle_end_of_stream());
    d.shell(|gate| gate.disconnect(CloseReason::ServerError)); // too late
    d.check(expect![[r#"
        -- Close CONNECTION_LOST, with will: the transport ended without a DISCONNECT
    "#]]);
}

#[test]
fn silence_ends_the_connection() {
    let mut d = Dialogue::new(V5, Settings::default());
    d.wait(10);
    d.check(expect![[r#"
           10 s pass
        -- Close CLIENT_ERROR: no CONNECT before the deadline
    "#]]);
    let mut d = Dialogue::connected(V5, Settings::default());
    d.wait(89);
    d.send(Packet::PingReq);
    d.wait(89);
    d.wait(1);
    d.check(expect![[r#"
           89 s pass
        -> PINGREQ
        <- PINGRESP
           89 s pass
           1 s pass
        <- DISCONNECT 0x8D keep alive timeout
        -- Close MQTT_KEEP_ALIVE_TIMEOUT, with will: nothing came for one and a half times the keep alive
    "#]]);
}

/// AWS IoT Core quotas: a WebSocket connection lives 24 h; lifecycle events: WEBSOCKET_TTL_EXPIRATION, and the will is sent.
#[test]
fn a_connection_may_have_an_age() {
    let aged = |mut d: Dialogue| {
        d.gate.end_at(d.now + std::time::Duration::from_secs(100), CloseReason::WebsocketTtlExpiration);
        d
    };
    let mut d = aged(Dialogue::connected(V5, Settings::default()));
    for _ in 0..2 {
        d.wait(49);
        d.send(Packet::PingReq); // however lively it is
    }
    assert_eq!(d.gate.poll_timeout(), Some(d.now + std::time::Duration::from_secs(2)));
    d.wait(1);
    d.wait(1);
    d.check(expect![[r#"
           49 s pass
        -> PINGREQ
        <- PINGRESP
           49 s pass
        -> PINGREQ
        <- PINGRESP
           1 s pass
           1 s pass
        <- DISCONNECT 0xA0 maximum connect time
        -- Close WEBSOCKET_TTL_EXPIRATION, with will: the WebSocket connection reached its maximum age
    "#]]);
    let mut d = aged(Dialogue::new(V5, Settings::default()));
    d.wait(10); // it does not lengthen what else ends a connection
    d.check(expect![[r#"
           10 s pass
        -- Close CLIENT_ERROR: no CONNECT before the deadline
    "#]]);
}

#[test]
fn a_transport_may_say_goodbye_or_be_misused() {
    let mut d = Dialogue::connected(V5, Settings::default());
    d.shell(|gate| gate.handle_goodbye());
    d.check(expect![[r#"
        -- Close CLIENT_INITIATED_DISCONNECT: the client closed the WebSocket
    "#]]);
    let mut d = Dialogue::connected(V5, Settings::default());
    d.shell(|gate| gate.handle_transport_violation("a text frame"));
    d.check(expect![[r#"
        -- Close CLIENT_ERROR, with will: a text frame
    "#]]);
}

#[test]
fn an_mqtt3_client_with_a_full_window_is_not_read() {
    let mut d = Dialogue::connected(V311, Settings { receive_maximum: 2, ..Settings::default() });
    for number in 1..=3 {
        d.send(publish("a", b"", Some(number)));
    }
    assert!(!d.gate.takes_input());
    d.wait(1000); // it is not silent: nobody listens
    d.shell(|gate| gate.publish_accepted(id(1), Sequence(1)));
    d.shell(|gate| gate.handle_persisted(Sequence(1)));
    d.check(expect![[r#"
        -> PUBLISH a "" id 1
        -- Publish a "" id 1
        -> PUBLISH a "" id 2
        -- Publish a "" id 2
        -> PUBLISH a "" id 3
           1000 s pass
        <- PUBACK id 1 0x00 success
        -- Publish a "" id 3
    "#]]);
}

#[test]
fn topic_aliases_are_resolved() {
    let mut d = Dialogue::connected(V5, Settings::default());
    let aliased = |topic: &str, alias| {
        let mut publish = bare_publish(topic, b"", None);
        publish.properties =
            Some(Box::new(PublishProperties { topic_alias: NonZeroU16::new(alias), ..PublishProperties::default() }));
        Packet::Publish(publish)
    };
    d.send(aliased("plant/7/oven", 8));
    d.send(aliased("", 8));
    d.send(aliased("plant/8/oven", 8));
    d.send(aliased("", 8));
    d.send(aliased("", 7));
    d.check(expect![[r#"
        -> PUBLISH plant/7/oven ""
        -- Publish plant/7/oven ""
        -> PUBLISH  ""
        -- Publish plant/7/oven ""
        -> PUBLISH plant/8/oven ""
        -- Publish plant/8/oven ""
        -> PUBLISH  ""
        -- Publish plant/8/oven ""
        -> PUBLISH  ""
        <- DISCONNECT 0x82 protocol error
        -- Close CLIENT_ERROR, with will: topic alias 7 was not defined (MQTT5 §3.3.2.3.4)
    "#]]);
}
