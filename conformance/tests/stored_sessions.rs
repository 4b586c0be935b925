//! Sessions that outlive a connection, as AWS has them: by paho, mosquitto and the AWS SDK; with the server killed under load.
use std::collections::HashMap;

use conformance::Server;
use conformance::mqtt::{Client, connect, id, publish, resume, subscription};
use sekisho_mqtt::{Packet, ProtocolVersion, PubAck, Publish, ReasonCode};
use sekisho_types::QoS::AtLeastOnce;

#[test]
fn paho_and_mosquitto_find_what_came_while_they_were_away() {
    let mut server = Server::start();
    let pump_7 = server.device("pump-7");
    server.device("pump-8");
    server.bash(&format!(
        r#"
        aws iot create-policy --policy-name team --policy-document '{{"Version":"2012-10-17","Statement":[
          {{"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:*:*:topicfilter/$share/team/shared/*"}}]}}' >/dev/null
        aws iot attach-policy --policy-name team --target {pump_7}
        "#
    ));
    server.python("stored_sessions.py");
    let told = server.bash(
        r#"
        sub() { mosquitto_sub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 -c "$@"; }
        pub() { mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-8.pem --key pump-8.key -i pump-8 -q 1 "$@"; }
        sub -V 311 -t 'shared/#' -E
        for n in $(seq 250); do echo reading $n; done | pub -l -t shared/readings
        sub -V 311 -t 'shared/#' -C 250 | md5sum
        for n in $(seq 250); do echo reading $n; done | md5sum
        "#,
    );
    let sums: Vec<&str> = told.lines().collect();
    assert_eq!(sums[0], sums[1], "all of them, in order");
    server.python("awsiotsdk_sessions.py");
    // Journal and snapshot hold no word of what waits.
    server.bash(
        r#"
        common="-h localhost -p $MQTT_PORT --cafile $CA -q 1"
        mosquitto_sub $common --cert pump-7.pem --key pump-7.key -i pump-7 -c -V 311 -t 'shared/#' -E
        mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/a -m planted-in-a-queue
        "#,
    );
    assert_eq!(server.terminate().0, Some(0));
    for path in conformance::files(&server.data()) {
        let bytes = std::fs::read(&path).unwrap_or_default();
        let planted =
            bytes.windows(18).any(|window| window == b"planted-in-a-queue" || window == b"cGxhbnRlZC1pbi1hLX");
        assert!(!planted, "{}", path.display());
    }
    server.restart();
    let heard = server.bash(
        "timeout 60 mosquitto_sub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 -c -V 311 -t 'shared/#' -C 1",
    );
    assert_eq!(heard.trim(), "planted-in-a-queue");
}

/// What was acknowledged to its publisher reaches the session, in order, however often the server is killed; and what the session
/// acknowledged does not come back for long.
#[test]
fn a_kill_loses_nothing_that_waits() {
    let kills = std::env::var("SEKISHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let mut server = Server::start_standard();
    let (mut client, _) = Client::connected(server.plain_mqtt_port(), resume(ProtocolVersion::V5, "stays"));
    client.subscribe(vec![subscription("k/#", AtLeastOnce)]);
    client.lose();
    let (mut next, mut acknowledged): (u32, Vec<u32>) = (0, Vec::new());
    let mut heard: HashMap<u32, usize> = HashMap::new();
    for round in 0..kills {
        let port = server.plain_mqtt_port();
        let (mut says, _) = Client::connected(port, connect(ProtocolVersion::V5, "says"));
        // Every other round the session is there, and acknowledges half of what it hears.
        let mut stays = (round % 2 == 1).then(|| Client::connected(port, resume(ProtocolVersion::V5, "stays")).0);
        let until = next + 40 + round * 7 % 60;
        let mut waiting = HashMap::new();
        let mut packet = 0;
        while next < until {
            packet += 1;
            waiting.insert(packet, next);
            let message = publish("k/n", &next.to_string(), AtLeastOnce);
            says.send(Packet::Publish(Publish { packet_identifier: Some(id(packet)), ..message }));
            next += 1;
            if packet % 20 == 0 {
                for _ in 0..15 {
                    let Packet::PubAck(PubAck { packet_identifier, .. }) = says.hear() else {
                        panic!("PUBACK expected")
                    };
                    acknowledged.extend(waiting.remove(&packet_identifier.number()));
                }
            }
            if let Some(stays) = stays.as_mut().filter(|_| packet % 20 == 19) {
                for _ in 0..5 {
                    let Packet::Publish(publish) = stays.hear() else { panic!("PUBLISH expected") };
                    let number: u32 = std::str::from_utf8(&publish.payload).unwrap().parse().unwrap();
                    *heard.entry(number).or_default() += 1;
                    let identifier = publish.packet_identifier.unwrap();
                    stays.send(Packet::PubAck(PubAck::new(identifier, ReasonCode::Success)));
                }
            }
        }
        server.kill();
        server.restart();
    }
    let (mut stays, present) = Client::connected(server.plain_mqtt_port(), resume(ProtocolVersion::V5, "stays"));
    assert!(present);
    let (mut says, _) = Client::connected(server.plain_mqtt_port(), connect(ProtocolVersion::V5, "says"));
    says.publish(publish("k/end", "end", AtLeastOnce));
    let mut last = None;
    loop {
        let message = stays.message();
        if message.topic.as_str() == "k/end" {
            break;
        }
        let number: u32 = std::str::from_utf8(&message.payload).unwrap().parse().unwrap();
        assert!(last < Some(number), "in order: {last:?}, then {number}");
        last = Some(number);
        *heard.entry(number).or_default() += 1;
    }
    let lost: Vec<u32> = acknowledged.iter().filter(|number| !heard.contains_key(number)).copied().collect();
    assert!(lost.is_empty(), "{} of {} acknowledged messages are lost: {lost:?}", lost.len(), acknowledged.len());
    let twice = heard.values().filter(|times| **times > 1).count();
    eprintln!("{kills} kills, {} messages acknowledged, none lost, {twice} heard twice", acknowledged.len());
}
