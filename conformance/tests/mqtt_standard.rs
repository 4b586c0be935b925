//! MQTT 3.1.1 and 5 to the letter (`profile = "mqtt"`), packet by packet. Each test names the statements it would fail for.
use conformance::Server;
use conformance::mqtt::{Client, connect, id, payload, publish, resume, subscription, text};
use sekisho_mqtt::ProtocolVersion::{V5, V311};
use sekisho_mqtt::*;
use sekisho_types::QoS::{AtLeastOnce, AtMostOnce, ExactlyOnce};

const VERSIONS: [ProtocolVersion; 2] = [V311, V5];

fn disconnect() -> Packet {
    Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: None })
}

/// [MQTT-2.2.1-5], [MQTT-2.2.1-6], [MQTT-3.3.2-3], [MQTT-3.3.4-1], [MQTT-4.2.0-1], [MQTT-4.3.1-1], [MQTT-4.3.2-1] to [MQTT-4.3.2-5], [MQTT-4.3.3-1] to [MQTT-4.3.3-12], [MQTT-3.8.4-6] to [MQTT-3.8.4-8].
#[test]
fn each_quality_of_service_from_end_to_end() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    for version in VERSIONS {
        let (mut hears, _) = Client::connected(port, connect(version, "hears"));
        let granted = hears.subscribe(vec![
            subscription("q/0", AtMostOnce),
            subscription("q/1", AtLeastOnce),
            subscription("q/2", ExactlyOnce),
        ]);
        assert_eq!(granted, [ReasonCode::Success, ReasonCode::GrantedQoS1, ReasonCode::GrantedQoS2]);
        let (mut says, _) = Client::connected(port, connect(version, "says"));
        for (topic, granted) in [("q/0", AtMostOnce), ("q/1", AtLeastOnce), ("q/2", ExactlyOnce)] {
            for published in [AtMostOnce, AtLeastOnce, ExactlyOnce] {
                assert_eq!(says.publish(publish(topic, "x", published)), ReasonCode::Success);
                let qos = granted.min(published);
                let message = if qos == ExactlyOnce { hears.message_twice() } else { hears.message() };
                assert_eq!((message.qos, message.dup, message.retain), (qos, false, false), "{topic} {published:?}");
            }
        }
        hears.hears_nothing();
    }
}

/// [MQTT-3.1.2-4] to [MQTT-3.1.2-6], [MQTT-3.1.4-4], [MQTT-3.2.2-2], [MQTT-3.2.2-3], [MQTT-4.1.0-1], [MQTT-4.4.0-1], [MQTT-3.3.1-1], [MQTT-4.5.0-1]; and the same after
/// the server was killed.
#[test]
fn a_session_outlives_its_connections_and_the_server() {
    let mut server = Server::start_standard();
    for version in VERSIONS {
        let port = server.plain_mqtt_port();
        let name = format!("stays-{}", version.level());
        let (mut stays, present) = Client::connected(port, resume(version, &name));
        assert!(!present);
        stays.subscribe(vec![subscription("s/#", ExactlyOnce)]);
        let (mut says, _) = Client::connected(port, connect(version, "says"));
        // One that is sent and not acknowledged, one that was received and not completed.
        says.publish(publish("s/1", "one", AtLeastOnce));
        says.publish(publish("s/2", "two", ExactlyOnce));
        let Packet::Publish(one) = stays.hear() else { panic!("PUBLISH expected") };
        let Packet::Publish(two) = stays.hear() else { panic!("PUBLISH expected") };
        let (first, second) = (one.packet_identifier.unwrap(), two.packet_identifier.unwrap());
        stays.send(Packet::PubRec(PubRec::new(second, ReasonCode::Success)));
        assert_eq!(stays.hear(), Packet::PubRel(PubRel::new(second, ReasonCode::Success)));
        // Its own message of QoS 2, taken and not released.
        let mine = Publish { packet_identifier: Some(id(7)), ..publish("mine", "once", ExactlyOnce) };
        let (mut witness, _) = Client::connected(port, connect(version, "witness"));
        witness.subscribe(vec![subscription("mine", AtMostOnce)]);
        stays.send(Packet::Publish(mine.clone()));
        assert_eq!(stays.hear(), Packet::PubRec(PubRec::new(id(7), ReasonCode::Success)));
        assert_eq!(payload(&witness.message()), "once");
        stays.lose();
        says.publish(publish("s/3", "three", AtLeastOnce));
        says.publish(publish("s/0", "not kept", AtMostOnce));

        server.kill();
        server.restart();
        let port = server.plain_mqtt_port();
        let (mut stays, present) = Client::connected(port, resume(version, &name));
        assert!(present);
        let again = stays.message();
        assert_eq!((payload(&again), again.packet_identifier, again.dup), ("one", Some(first), true));
        assert_eq!(stays.hear(), Packet::PubRel(PubRel::new(second, ReasonCode::Success)));
        stays.send(Packet::PubComp(PubComp::new(second, ReasonCode::Success)));
        assert_eq!(payload(&stays.message()), "three");
        let (mut witness, _) = Client::connected(port, connect(version, "witness"));
        witness.subscribe(vec![subscription("mine", AtMostOnce)]);
        stays.send(Packet::Publish(Publish { dup: true, ..mine }));
        assert_eq!(stays.hear(), Packet::PubRec(PubRec::new(id(7), ReasonCode::Success)));
        stays.send(Packet::PubRel(PubRel::new(id(7), ReasonCode::Success)));
        assert_eq!(stays.hear(), Packet::PubComp(PubComp::new(id(7), ReasonCode::Success)));
        witness.hears_nothing();
        stays.leave();

        // All of it was acknowledged.
        let (mut stays, present) = Client::connected(port, resume(version, &name));
        assert!(present);
        stays.hears_nothing();
        let (mut anew, present) = Client::connected(port, connect(version, &name));
        assert!(!present, "begun anew");
        assert_eq!(anew.publish(publish("s/4", "four", AtLeastOnce)), ReasonCode::Success);
        anew.hears_nothing();
        if version == V5 {
            assert!(matches!(stays.hear(), Packet::Disconnect(d) if d.reason_code == ReasonCode::SessionTakenOver));
        }
        assert_eq!(stays.hear_or_end(), None, "[MQTT-3.1.4-3]");
    }
}

/// [MQTT-3.1.4-3]: of two that wait for a connection of theirs which cannot be read, the one that came later stays, when both are let in.
#[test]
fn of_two_connects_the_later_stays() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let large = "x".repeat(100_000);
    let comes = || {
        let mut client = Client::open(port, V5);
        client.send(Packet::Connect(Box::new(connect(V5, "comes"))));
        std::thread::sleep(std::time::Duration::from_millis(50)); // so that it has come
        client
    };
    for round in 0..10 {
        let (mut full, _) = Client::connected(port, connect(V5, "comes"));
        full.subscribe(vec![subscription("full", AtMostOnce)]);
        let (mut says, _) = Client::connected(port, connect(V5, "says"));
        (0..120).for_each(|_| says.send(Packet::Publish(publish("full", &large, AtMostOnce))));
        says.publish(publish("done", "x", AtLeastOnce));
        let (mut earlier, mut later) = (comes(), comes());
        full.lose();
        while earlier.hear_or_end().is_some() {}
        assert!(
            matches!(later.hear(), Packet::ConnAck(said) if said.reason_code == ReasonCode::Success),
            "round {round}"
        );
        assert_eq!(later.publish(publish("done", "x", AtLeastOnce)), ReasonCode::Success, "round {round}");
        later.leave();
    }
}

/// [MQTT-3.1.2-5], [MQTT-3.1.2-4] of 3.1.1: in the other version too.
#[test]
fn a_session_goes_on_in_the_other_version() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    for (before, after) in [(V311, V5), (V5, V311)] {
        let name = format!("since-{}", before.level());
        let (mut client, _) = Client::connected(port, resume(before, &name));
        client.subscribe(vec![subscription("both/#", AtLeastOnce)]);
        client.leave();
        says.publish(publish("both/x", "waits", AtLeastOnce));
        let (mut client, present) = Client::connected(port, resume(after, &name));
        assert!(present);
        assert_eq!(client.message().topic, text("both/x"));
        client.leave();
        Client::connected(port, connect(after, &name)).0.leave();
    }
}

/// [MQTT-3.14.4-3]: said by a client that leaves unread what it was sent, so that the next write to it fails.
#[test]
fn a_goodbye_counts_though_nothing_can_be_written_any_more() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut watches, _) = Client::connected(port, connect(V5, "watches"));
    watches.subscribe(vec![subscription("gone", AtMostOnce)]);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut says, _) = Client::connected(port, connect(V5, "says"));
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                says.send(Packet::Publish(publish("flood", &"x".repeat(1000), AtMostOnce)));
            }
        });
        let payload = BinaryData::new(bytes::Bytes::from_static(b"gone")).expect("short");
        let will = Will { topic: text("gone"), payload, qos: AtMostOnce, retain: false, properties: None };
        for version in VERSIONS.repeat(10) {
            let with_will = Connect { will: Some(will.clone()), ..connect(version, "leaves") };
            let (mut leaves, _) = Client::connected(port, with_will);
            leaves.send(Packet::Subscribe(Subscribe {
                packet_identifier: id(1),
                properties: None,
                subscriptions: vec![subscription("flood", AtMostOnce)],
            }));
            (0..50).for_each(|_| drop(leaves.hear()));
            leaves.send(disconnect());
            leaves.lose();
        }
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    watches.hears_nothing();
}

/// [MQTT-3.1.2-23], [MQTT-4.1.0-2], [MQTT-3.14.2-2], [MQTT-3.14.4-1], [MQTT-3.14.4-2]; MQTT5 §3.1.2.11.2: how long a session stays.
#[test]
fn a_session_expires() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let with_expiry = |clean_start, seconds| {
        let properties = ConnectProperties { session_expiry_interval_s: seconds, ..ConnectProperties::default() };
        Connect { clean_start, properties: Some(Box::new(properties)), ..connect(V5, "expires") }
    };
    let bye = |seconds| {
        let properties = DisconnectProperties { session_expiry_interval_s: seconds, ..DisconnectProperties::default() };
        Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: Some(Box::new(properties)) })
    };
    let end = |mut client: Client, packet| {
        client.send(packet);
        assert_eq!(client.hear_or_end(), None);
    };
    // As long as the connection, if nothing is said.
    end(Client::connected(port, with_expiry(true, None)).0, disconnect());
    assert!(!Client::connected(port, with_expiry(false, Some(100))).1);
    // As DISCONNECT changes it.
    end(Client::connected(port, with_expiry(false, Some(100))).0, bye(Some(0)));
    let (client, present) = Client::connected(port, with_expiry(false, Some(1)));
    assert!(!present);
    end(client, bye(Some(100)));
    let (client, present) = Client::connected(port, with_expiry(false, Some(1)));
    assert!(present);
    end(client, disconnect());
    conformance::eventually("the session has expired", || {
        let (client, present) = Client::connected(port, with_expiry(false, Some(1)));
        if present {
            end(client, disconnect());
            std::thread::sleep(std::time::Duration::from_millis(1_500));
            return None;
        }
        Some(())
    });
    // Not from nothing to something.
    let (mut client, _) = Client::connected(port, with_expiry(true, Some(0)));
    client.send(bye(Some(5)));
    let Packet::Disconnect(said) = client.hear() else { panic!("DISCONNECT expected") };
    assert_eq!(said.reason_code, ReasonCode::ProtocolError);
}

/// [MQTT-3.3.1-5] to [MQTT-3.3.1-13], [MQTT-3.8.4-4], [MQTT-4.7.1-2]; MQTT5 §4.7.1.2: `#` with its parent.
#[test]
fn retained_messages_are_given_by_any_filter() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    for version in VERSIONS {
        let (mut says, _) = Client::connected(port, connect(version, "says"));
        for (topic, qos) in [("r", AtMostOnce), ("r/1", AtLeastOnce), ("r/2", ExactlyOnce), ("$r/3", AtLeastOnce)] {
            let retained = Publish { retain: true, ..publish(topic, topic, qos) };
            assert_eq!(says.publish(retained), ReasonCode::Success);
        }
        let (mut hears, _) = Client::connected(port, connect(version, "hears"));
        hears.subscribe(vec![subscription("r/#", ExactlyOnce)]);
        let mut told: Vec<_> = (0..3)
            .map(|_| {
                let message = hears.message();
                if message.qos == ExactlyOnce {
                    hears.send(Packet::PubRec(PubRec::new(message.packet_identifier.unwrap(), ReasonCode::Success)));
                }
                (payload(&message).to_owned(), message.qos, message.retain)
            })
            .collect();
        told.sort();
        let expected = [("r", AtMostOnce), ("r/1", AtLeastOnce), ("r/2", ExactlyOnce)];
        assert_eq!(told, expected.map(|(topic, qos)| (topic.to_owned(), qos, true)));
        let (mut others, _) = Client::connected(port, connect(version, "others"));
        others.subscribe(vec![subscription("+/+", AtMostOnce)]);
        let of_others: Vec<_> = (0..2).map(|_| payload(&others.message()).to_owned()).collect();
        assert_eq!(of_others.iter().filter(|topic| topic.starts_with("r/")).count(), 2, "[MQTT-4.7.2-1]");
        for topic in ["r", "r/1", "r/2"] {
            says.publish(Publish { retain: true, ..publish(topic, "", AtLeastOnce) });
        }
        let (mut late, _) = Client::connected(port, connect(version, "late"));
        late.subscribe(vec![subscription("r/#", AtMostOnce)]);
        late.hears_nothing();
    }
}

/// MQTT5 §3.8.3.1, [MQTT-3.8.3-3], [MQTT-3.8.3-4], [MQTT-3.3.4-2] to [MQTT-3.3.4-5], [MQTT-3.3.5-1], [MQTT-3.10.4-1], [MQTT-3.11.3-1].
#[test]
fn subscriptions_have_options_and_identifiers() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut client, _) = Client::connected(port, connect(V5, "both"));
    let quiet = Subscription { no_local: true, ..subscription("o/quiet", AtLeastOnce) };
    let as_published = Subscription { retain_as_published: true, ..subscription("o/as", AtLeastOnce) };
    client.subscribe(vec![quiet, as_published]);
    client.publish(publish("o/quiet", "mine", AtLeastOnce));
    client.send(Packet::Publish(Publish { retain: true, ..publish("o/as", "kept", AtMostOnce) }));
    let message = client.message();
    assert_eq!((payload(&message), message.retain), ("kept", true));
    client.send(Packet::Publish(publish("o/as", "live", AtMostOnce)));
    assert!(!client.message().retain);
    let (mut other, _) = Client::connected(port, connect(V5, "other"));
    other.publish(publish("o/quiet", "of another", AtLeastOnce));
    assert_eq!(payload(&client.message()), "of another");

    let called = |filter: &str, number| Subscribe {
        packet_identifier: id(1),
        subscriptions: vec![subscription(filter, AtLeastOnce)],
        properties: Some(Box::new(SubscribeProperties {
            subscription_identifier: SubscriptionIdentifier::new(number),
            ..SubscribeProperties::default()
        })),
    };
    other.subscribe_with(called("i/+", 1));
    other.subscribe_with(called("i/#", 268_435_455));
    client.publish(publish("i/x", "for two", AtMostOnce));
    let told = other.message().properties.expect("properties").subscription_identifiers.clone();
    let mut names: Vec<u32> = told.into_iter().map(SubscriptionIdentifier::number).collect();
    names.sort_unstable();
    assert_eq!(names, [1, 268_435_455], "one message for both");
    let none = other.unsubscribe(&["i/+", "never"]);
    assert_eq!(none, [ReasonCode::Success, ReasonCode::NoSubscriptionExisted]);
    client.publish(publish("i/x", "for one", AtMostOnce));
    other.message();
    other.hears_nothing();

    // Overlapping filters without a name are one delivery, at the highest.
    let (mut overlaps, _) = Client::connected(port, connect(V311, "overlaps"));
    overlaps.subscribe(vec![subscription("v/#", ExactlyOnce), subscription("v/+", AtLeastOnce)]);
    client.publish(publish("v/x", "once", ExactlyOnce));
    assert_eq!(overlaps.message_twice().qos, ExactlyOnce);
    overlaps.hears_nothing();
    assert_eq!(overlaps.subscribe(vec![subscription("test/nosubscribe", AtLeastOnce)]), [ReasonCode::UnspecifiedError]);
}

/// [MQTT-3.1.2-10], [MQTT-3.14.4-3], [MQTT-3.14.4-1]: said on a connection that ends, and whose client is back, before a server need have
/// read it.
#[test]
fn a_goodbye_counts_though_its_client_is_back_at_once() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("g/#", AtMostOnce)]);
    let payload = BinaryData::new(bytes::Bytes::from_static(b"gone")).expect("short");
    let will = Will { topic: text("g/will"), payload, qos: AtMostOnce, retain: false, properties: None };
    let properties = DisconnectProperties { session_expiry_interval_s: Some(0), ..DisconnectProperties::default() };
    let ends_session = Disconnect { reason_code: ReasonCode::Success, properties: Some(Box::new(properties)) };
    for round in 0..20 {
        for (version, goodbye, stays) in
            [(V311, disconnect(), true), (V5, Packet::Disconnect(ends_session.clone()), false)]
        {
            let with_will = Connect { will: Some(will.clone()), ..resume(version, "leaves") };
            let (mut leaves, _) = Client::connected(port, with_will);
            leaves.send(Packet::Publish(publish("g/before", "x", AtMostOnce)));
            leaves.send(goodbye);
            leaves.lose();
            let (mut back, present) = Client::connected(port, resume(version, "leaves"));
            assert_eq!(present, stays, "round {round}, {version:?}");
            back.send(Packet::Publish(publish("g/after", "x", AtMostOnce)));
            assert_eq!(hears.message().topic, text("g/before"));
            assert_eq!(hears.message().topic, text("g/after"), "round {round}, {version:?}");
            back.leave();
            Client::connected(port, connect(version, "leaves")).0.leave();
        }
    }
}

/// [MQTT-3.1.2-7], [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.1.2-15], [MQTT-3.1.3-9], [MQTT-3.14.4-3], [MQTT-3.1.2-14], [MQTT-3.1.2-22].
#[test]
fn a_will_waits_as_long_as_it_says() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("w/#", ExactlyOnce)]);
    let with_will = |version, topic: &str, delay_s, qos| {
        let delay = WillProperties { will_delay_interval_s: Some(delay_s), ..WillProperties::default() };
        let properties = (version == V5).then(|| Box::new(delay));
        let payload = BinaryData::new(bytes::Bytes::from_static(b"gone")).expect("short");
        let will = Will { topic: text(topic), payload, qos, retain: false, properties };
        Connect { will: Some(will), ..resume(version, "leaves") }
    };
    for version in VERSIONS {
        Client::connected(port, with_will(version, "w/lost", 0, ExactlyOnce)).0.lose();
        assert_eq!(hears.message_twice().topic, text("w/lost"));
        Client::connected(port, with_will(version, "w/said-goodbye", 0, AtMostOnce)).0.leave();
        // The next takes the client id over.
        let older = Client::connected(port, with_will(version, "w/taken-over", 0, AtMostOnce)).0;
        Client::connected(port, resume(version, "leaves")).0.leave();
        assert_eq!(hears.message().topic, text("w/taken-over"));
        older.lose();
        // Nothing comes for one and a half times the keep alive.
        let silent = Connect { keep_alive_s: 1, ..with_will(version, "w/silent", 0, AtMostOnce) };
        let (mut silent, _) = Client::connected(port, silent);
        assert_eq!(hears.message().topic, text("w/silent"));
        if version == V5 {
            assert!(matches!(silent.hear(), Packet::Disconnect(d) if d.reason_code == ReasonCode::KeepAliveTimeout));
        }
        assert_eq!(silent.hear_or_end(), None);
    }
    // Its client is back before: nobody hears of it. Then its session ends before.
    Client::connected(port, with_will(V5, "w/came-back", 3600, AtMostOnce)).0.lose();
    let back = conformance::eventually("the server has noticed", || {
        let (client, present) = Client::connected(port, with_will(V5, "w/began-anew", 3600, AtMostOnce));
        present.then_some(client)
    });
    back.lose();
    let began_anew = Client::connected(port, connect(V5, "leaves")).0;
    assert_eq!(hears.message().topic, text("w/began-anew"));
    Client::connected(port, with_will(V5, "w/after-a-second", 1, AtMostOnce)).0.lose();
    assert_eq!(hears.message().topic, text("w/after-a-second"));
    hears.hears_nothing();
    began_anew.lose();
    let Connect { will, .. } = with_will(V5, "w/kept", 0, AtMostOnce);
    let kept = will.map(|will| Will { retain: true, ..will });
    Client::connected(port, Connect { will: kept, ..connect(V5, "leaves") }).0.lose();
    assert!(!hears.message().retain);
    let (mut late, _) = Client::connected(port, connect(V5, "late"));
    late.subscribe(vec![subscription("w/#", AtMostOnce)]);
    assert!(late.message().retain);
}
