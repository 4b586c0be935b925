//! MQTT 3.1.1 and 5 to the letter (`profile = "mqtt"`): who may connect, and what becomes of a message on its way. Each test names the
//! statements it would fail for.
use bytes::Bytes;
use conformance::Server;
use conformance::mqtt::{Client, connect, id, payload, publish, resume, subscription, text};
use sekisho_mqtt::ProtocolVersion::{V5, V311};
use sekisho_mqtt::*;
use sekisho_types::QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};

const VERSIONS: [ProtocolVersion; 2] = [V311, V5];

/// The connection ends; in MQTT5 after DISCONNECT with this reason code.
fn ends(mut client: Client, version: ProtocolVersion, reason_code: ReasonCode) {
    if version == V5 {
        match client.hear() {
            Packet::Disconnect(said) => assert_eq!(said.reason_code, reason_code),
            other => panic!("DISCONNECT expected: {other:?}"),
        }
    }
    assert_eq!(client.hear_or_end(), None, "[MQTT-4.13.2-1]");
}

/// [MQTT-3.1.0-2], [MQTT-3.1.3-2], [MQTT-3.1.3-5] to [MQTT-3.1.3-8], [MQTT-3.1.4-1], [MQTT-3.1.4-5], [MQTT-3.2.0-1], [MQTT-3.2.0-2], [MQTT-3.2.2-6],
/// [MQTT-3.2.2-7], [MQTT-3.2.2-16], [MQTT-3.2.2-22], [MQTT-4.12.0-1], [MQTT-4.12.0-6], [MQTT-4.13.1-1], [MQTT-3.14.0-1].
#[test]
fn who_may_connect() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    for version in VERSIONS {
        for name in ["a", "0123456789abcdefghijklm", "with space", "ポンプ"] {
            let (mut client, connack) = Client::connect(port, connect(version, name));
            assert_eq!(connack.reason_code, ReasonCode::Success, "{name}");
            client.hears_nothing();
        }
        // No client id: one is assigned, and another to the next.
        let assigned: Vec<_> = (0..2)
            .map(|_| {
                let (mut client, connack) = Client::connect(port, connect(version, ""));
                assert_eq!(connack.reason_code, ReasonCode::Success);
                client.hears_nothing();
                connack.properties.and_then(|properties| properties.assigned_client_identifier.clone())
            })
            .collect();
        assert!(version == V311 || assigned[0].is_some() && assigned[0] != assigned[1], "{assigned:?}");
        // Twice is once too often.
        let (mut twice, _) = Client::connected(port, connect(version, "twice"));
        twice.send(Packet::Connect(Box::new(connect(version, "twice"))));
        ends(twice, version, ReasonCode::ProtocolError);
    }
    // A keep alive that is longer than the server wants to wait, and one that is not.
    for (asked, told) in [(120, 60), (45, 45), (0, 0)] {
        let (_client, connack) = Client::connect(port, Connect { keep_alive_s: asked, ..connect(V5, "waits") });
        assert_eq!(connack.properties.unwrap().server_keep_alive_s, Some(told), "{asked}");
    }
    // Without a client id there is no session to come back to.
    let (mut refused, connack) = Client::connect(port, resume(V311, ""));
    assert_eq!((connack.reason_code, connack.session_present), (ReasonCode::ClientIdentifierNotValid, false));
    assert_eq!(refused.hear_or_end(), None);
    // What is known of the assigned client id counts for the next connection.
    let (client, connack) = Client::connect(port, resume(V5, ""));
    let assigned = connack.properties.unwrap().assigned_client_identifier.unwrap();
    client.lose();
    assert!(Client::connected(port, resume(V5, &assigned)).1);
    // An authentication method nobody knows.
    let mut wants = connect(V5, "wants");
    let method = ConnectProperties { authentication_method: Some(text("SCRAM-SHA-1")), ..ConnectProperties::default() };
    wants.properties = Some(Box::new(method));
    let (mut client, connack) = Client::connect(port, wants);
    assert_eq!(connack.reason_code, ReasonCode::BadAuthenticationMethod);
    assert_eq!(client.hear_or_end(), None);
    // Nothing but CONNECT first: no word.
    for first in [&b"\xC0\x00"[..], b"\x30\x03\x00\x01a", b"GET / HTTP/1.1\r\n\r\n"] {
        let mut client = Client::open(port, V5);
        client.send_bytes(first);
        assert_eq!(client.hear_or_end(), None);
    }
}

/// [MQTT-3.3.2-4] to [MQTT-3.3.2-6], [MQTT-4.3.3-13], [MQTT-3.3.2-15] to [MQTT-3.3.2-18], [MQTT-3.3.2-20], [MQTT-3.1.3-10], [MQTT-3.3.1-3].
#[test]
fn what_a_publisher_says_of_a_message_is_told() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("p/#", ExactlyOnce)]);
    let (stays, _) = Client::connected(port, resume(V5, "stays"));
    let mut stays = stays;
    stays.subscribe(vec![subscription("p/#", ExactlyOnce)]);
    stays.leave();
    let pair = |name, value| UserProperty { name: text(name), value: text(value) };
    let pairs = vec![pair("b", "1"), pair("a", "2"), pair("b", "3")];
    let said = PublishProperties {
        payload_format_indicator: Some(true),
        message_expiry_interval_s: Some(3600),
        response_topic: Some(text("answers/é")),
        correlation_data: BinaryData::new(Bytes::from_static(b"\x00\xFF")).ok(),
        user_properties: pairs.clone(),
        content_type: Some(text("text/plain")),
        ..PublishProperties::default()
    };
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        let sent =
            Publish { dup: qos == AtLeastOnce, properties: Some(Box::new(said.clone())), ..publish("p/x", "é", qos) };
        assert_eq!(says.publish(sent), ReasonCode::Success);
    }
    let mut told: Vec<Publish> = Vec::new();
    for qos in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
        told.push(if qos == ExactlyOnce { hears.message_twice() } else { hears.message() });
    }
    let (mut stays, _) = Client::connected(port, resume(V5, "stays"));
    told.extend([stays.message(), stays.message_twice()]);
    for message in told {
        assert!(!message.dup, "DUP is each hop's own");
        let mut heard = *message.properties.expect("properties");
        assert!((3590..=3600).contains(&heard.message_expiry_interval_s.unwrap()));
        heard.message_expiry_interval_s = said.message_expiry_interval_s;
        assert_eq!(heard, said);
    }
    // A will says it too.
    let properties = WillProperties { user_properties: pairs.clone(), ..WillProperties::default() };
    let will = Will {
        topic: text("p/will"),
        payload: BinaryData::default(),
        qos: AtMostOnce,
        retain: false,
        properties: Some(Box::new(properties)),
    };
    Client::connected(port, Connect { will: Some(will), ..connect(V5, "leaves") }).0.lose();
    assert_eq!(hears.message().properties.unwrap().user_properties, pairs);
    // What has expired is nobody's; an MQTT3 subscriber is told the message and nothing of it.
    let short = PublishProperties { message_expiry_interval_s: Some(1), ..PublishProperties::default() };
    stays.leave();
    says.publish(Publish { properties: Some(Box::new(short)), ..publish("p/y", "gone soon", AtLeastOnce) });
    hears.message();
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    let (mut stays, present) = Client::connected(port, resume(V5, "stays"));
    assert!(present);
    stays.hears_nothing();
    let (mut plain, _) = Client::connected(port, connect(V311, "plain"));
    plain.subscribe(vec![subscription("p/#", AtMostOnce)]);
    says.publish(Publish { properties: Some(Box::new(said)), ..publish("p/z", "é", AtMostOnce) });
    assert_eq!((payload(&plain.message()), plain.hears_nothing()), ("é", ()));
}

/// [MQTT-3.3.2-7] to [MQTT-3.3.2-9], [MQTT-3.3.2-11], [MQTT-3.3.2-12], [MQTT-3.1.2-26], [MQTT-3.1.2-27].
#[test]
fn topic_aliases_are_of_one_connection() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("t/#", AtMostOnce)]);
    let (mut says, connack) = Client::connect(port, connect(V5, "says"));
    let most = connack.properties.unwrap().topic_alias_maximum.unwrap();
    let aliased = |topic: &str, alias| {
        let topic_alias = std::num::NonZeroU16::new(alias);
        let properties = PublishProperties { topic_alias, ..PublishProperties::default() };
        let topic = if topic.is_empty() { Utf8String::default() } else { text(topic) };
        Publish { topic, properties: Some(Box::new(properties)), ..publish("t", "x", AtMostOnce) }
    };
    for alias in 1..=most {
        says.publish(aliased(&format!("t/{alias}"), alias));
        assert_eq!(hears.message().topic, text(&format!("t/{alias}")));
    }
    for alias in [1, most] {
        says.publish(aliased("", alias));
        let heard = hears.message();
        assert_eq!(heard.topic, text(&format!("t/{alias}")));
        assert!(heard.properties.is_none(), "nobody has allowed us an alias");
    }
    says.publish(aliased("t/again", 1));
    says.publish(aliased("", 1));
    assert_eq!([hears.message().topic, hears.message().topic], [text("t/again"), text("t/again")]);
    says.publish(aliased("t/beyond", most + 1));
    ends(says, V5, ReasonCode::TopicAliasInvalid);
    let (mut anew, _) = Client::connected(port, connect(V5, "says"));
    anew.send(Packet::Publish(aliased("", 1)));
    ends(anew, V5, ReasonCode::ProtocolError);
}

/// [MQTT-3.1.2-26], [MQTT-3.3.2-11]: a client that takes two aliases is told the first two topics once.
#[test]
fn topics_have_aliases_towards_a_client_that_takes_them() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let properties = ConnectProperties { topic_alias_maximum: Some(2), ..ConnectProperties::default() };
    let takes = Connect { properties: Some(Box::new(properties)), ..connect(V5, "takes") };
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    for _ in 0..2 {
        let (mut hears, _) = Client::connected(port, takes.clone());
        hears.subscribe(vec![subscription("alias/#", AtLeastOnce)]);
        let mut told = |topic: &str| {
            says.publish(publish(topic, "x", AtLeastOnce));
            let heard = hears.message();
            let alias = heard.properties.and_then(|properties| properties.topic_alias).map(|alias| alias.get());
            (heard.topic.to_string(), alias)
        };
        assert_eq!(told("alias/first"), ("alias/first".into(), Some(1)));
        assert_eq!(told("alias/first"), (String::new(), Some(1)));
        assert_eq!(told("alias/second"), ("alias/second".into(), Some(2)));
        assert_eq!(told("alias/third"), ("alias/third".into(), None));
        assert_eq!(told("alias/second"), (String::new(), Some(2)));
        assert_eq!(told("alias/first"), (String::new(), Some(1)));
        hears.leave();
    }
    // At every quality of service, and for a short topic too.
    let (mut hears, _) = Client::connected(port, takes);
    hears.subscribe(vec![subscription("TopicA", ExactlyOnce)]);
    for (qos, topic) in [(AtMostOnce, "TopicA"), (AtLeastOnce, ""), (ExactlyOnce, "")] {
        says.publish(publish("TopicA", "x", qos));
        let heard = if qos == ExactlyOnce { hears.message_twice() } else { hears.message() };
        let alias = heard.properties.and_then(|properties| properties.topic_alias).map(|alias| alias.get());
        assert_eq!((heard.qos, heard.topic.to_string(), alias), (qos, topic.to_owned(), Some(1)));
    }
}

/// [MQTT-3.3.4-7], [MQTT-3.3.4-9], [MQTT-3.3.4-10], [MQTT-4.9.0-1] to [MQTT-4.9.0-3], [MQTT-4.6.0-5], [MQTT-4.6.0-6], [MQTT-4.3.2-3], [MQTT-4.3.3-3].
#[test]
fn windows_are_kept_and_order_too() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let three = ConnectProperties {
        receive_maximum: std::num::NonZeroU16::new(3),
        session_expiry_interval_s: Some(100),
        ..ConnectProperties::default()
    };
    for (name, expiry) in [("by itself", None), ("stored", Some(100))] {
        let properties = ConnectProperties { session_expiry_interval_s: expiry, ..three.clone() };
        let asks = Connect { properties: Some(Box::new(properties)), ..connect(V5, name) };
        let (mut hears, _) = Client::connected(port, asks);
        hears.subscribe(vec![subscription("w/#", ExactlyOnce)]);
        let (mut says, _) = Client::connected(port, connect(V5, "says"));
        for n in 0..20 {
            let qos = if n % 2 == 0 { AtLeastOnce } else { ExactlyOnce };
            says.publish(publish("w/x", &n.to_string(), qos));
        }
        let mut waiting = Vec::new();
        let hear = |hears: &mut Client| match hears.hear() {
            Packet::Publish(publish) => publish,
            other => panic!("PUBLISH expected: {other:?}"),
        };
        (0..3).for_each(|_| waiting.push(hear(&mut hears)));
        hears.hears_nothing(); // the window is closed, and PINGREQ is answered
        says.publish(publish("w/x", "at once", AtMostOnce));
        assert_eq!(payload(&hear(&mut hears)), "at once", "QoS 0 needs no window");
        let mut order = Vec::new();
        while !waiting.is_empty() {
            let publish = waiting.remove(0);
            order.push(payload(&publish).parse::<u32>().unwrap());
            let identifier = publish.packet_identifier.unwrap();
            match publish.qos {
                AtLeastOnce => hears.send(Packet::PubAck(PubAck::new(identifier, ReasonCode::Success))),
                _ => {
                    hears.send(Packet::PubRec(PubRec::new(identifier, ReasonCode::Success)));
                    assert_eq!(hears.hear(), Packet::PubRel(PubRel::new(identifier, ReasonCode::Success)));
                    hears.send(Packet::PubComp(PubComp::new(identifier, ReasonCode::Success)));
                }
            }
            if order.len() + waiting.len() < 20 {
                waiting.push(hear(&mut hears));
            }
        }
        assert_eq!(order, (0..20).collect::<Vec<_>>(), "{name}");
        hears.hears_nothing();
    }
    // The other way: who sends more than the server takes at once is told, even if it listens only after that, and speaks again before.
    let (mut floods, connack) = Client::connect(port, connect(V5, "floods"));
    let most = connack.properties.unwrap().receive_maximum.unwrap().get();
    for n in 1..=most + 1 {
        floods.send(Packet::Publish(Publish { packet_identifier: Some(id(n)), ..publish("other", "", ExactlyOnce) }));
    }
    for n in 1..=most {
        assert!(matches!(floods.hear(), Packet::PubRec(_)));
        floods.send(Packet::PubRel(PubRel::new(id(n), ReasonCode::Success)));
    }
    ends(floods, V5, ReasonCode::ReceiveMaximumExceeded);
}

/// [MQTT-3.8.4-1] to [MQTT-3.8.4-5], [MQTT-3.9.3-1], [MQTT-3.10.4-1] to [MQTT-3.10.4-6], [MQTT-3.3.1-10], [MQTT-3.3.1-11], [MQTT-3.12.4-1].
#[test]
fn subscriptions_are_replaced_and_ended() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    for version in VERSIONS {
        let (mut says, _) = Client::connected(port, connect(version, "says"));
        says.publish(Publish { retain: true, ..publish("k/kept", "kept", AtLeastOnce) });
        let (mut hears, _) = Client::connected(port, connect(version, "hears"));
        let codes = hears.subscribe(vec![
            subscription("k/kept", AtMostOnce),
            subscription("test/nosubscribe", AtMostOnce),
            subscription("k/other", ExactlyOnce),
        ]);
        assert_eq!(codes, [ReasonCode::Success, ReasonCode::UnspecifiedError, ReasonCode::GrantedQoS2]);
        assert_eq!((hears.message().qos, hears.hears_nothing()), (AtMostOnce, ()));
        // Again, at another QoS: what is kept comes again, and live messages once.
        hears.subscribe(vec![subscription("k/kept", AtLeastOnce)]);
        assert!(hears.message().retain);
        says.publish(publish("k/kept", "live", AtLeastOnce));
        assert_eq!((hears.message().qos, hears.hears_nothing()), (AtLeastOnce, ()));
        if version == V5 {
            let with = |handling| Subscription { retain_handling: handling, ..subscription("k/kept", AtLeastOnce) };
            hears.subscribe(vec![with(RetainHandling::IfNew)]);
            hears.subscribe(vec![with(RetainHandling::Never)]);
            hears.hears_nothing();
        }
        // A delivery that was begun is completed after UNSUBSCRIBE; none is begun.
        says.publish(publish("k/other", "begun", ExactlyOnce));
        let Packet::Publish(begun) = hears.hear() else { panic!("PUBLISH expected") };
        hears.unsubscribe(&["k/other", "k/other", "K/kept"]);
        says.publish(publish("k/other", "not begun", ExactlyOnce));
        let identifier = begun.packet_identifier.unwrap();
        hears.send(Packet::PubRec(PubRec::new(identifier, ReasonCode::Success)));
        assert_eq!(hears.hear(), Packet::PubRel(PubRel::new(identifier, ReasonCode::Success)));
        hears.send(Packet::PubComp(PubComp::new(identifier, ReasonCode::Success)));
        hears.hears_nothing();
        says.publish(publish("k/kept", "still", AtMostOnce));
        assert_eq!(payload(&hears.message()), "still", "letter case counts");
        says.publish(Publish { retain: true, ..publish("k/kept", "", AtLeastOnce) });
    }
}

/// [MQTT-4.8.2-1] to [MQTT-4.8.2-6], [MQTT-4.4.0-2].
#[test]
fn a_group_shares_and_each_message_has_one_owner() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    let mut members: Vec<Client> = (0..2)
        .map(|n| {
            let (mut member, _) = Client::connected(port, resume(V5, &format!("member-{n}")));
            let qos = if n == 0 { AtLeastOnce } else { ExactlyOnce };
            member.subscribe(vec![subscription("$share/g/s/#", qos)]);
            member
        })
        .collect();
    for n in 0..10 {
        says.publish(publish("s/x", &n.to_string(), ExactlyOnce));
    }
    let mut told = 0;
    for member in &mut members {
        member.send(Packet::PingReq);
        loop {
            match member.hear() {
                Packet::PingResp => break,
                Packet::Publish(publish) => {
                    told += 1;
                    let identifier = publish.packet_identifier.unwrap();
                    // Refused is discarded, and given to no other.
                    match publish.qos {
                        AtLeastOnce => {
                            member.send(Packet::PubAck(PubAck::new(identifier, ReasonCode::UnspecifiedError)))
                        }
                        _ => member.send(Packet::PubRec(PubRec::new(identifier, ReasonCode::UnspecifiedError))),
                    }
                }
                other => panic!("PUBLISH expected: {other:?}"),
            }
        }
        member.hears_nothing();
    }
    assert_eq!(told, 10);
    // One that leaves in the middle of a delivery has it when it is back; if it never is, nobody has.
    let mut second = members.pop().unwrap();
    members.pop().unwrap().lose();
    let first = Client::connected(port, connect(V5, "member-0")).0; // begun anew: it is no member any more
    says.publish(publish("s/x", "twice", ExactlyOnce));
    let Packet::Publish(begun) = second.hear() else { panic!("PUBLISH expected") };
    second.lose();
    let (mut second, present) = Client::connected(port, resume(V5, "member-1"));
    assert!(present);
    let Packet::Publish(again) = second.hear() else { panic!("PUBLISH expected") };
    assert_eq!((again.packet_identifier, again.dup, begun.dup), (begun.packet_identifier, true, false));
    let mut first = first;
    first.subscribe(vec![subscription("$share/g/s/#", ExactlyOnce)]);
    drop(Client::connected(port, connect(V5, "member-1")));
    first.hears_nothing();
    second.lose();
}
