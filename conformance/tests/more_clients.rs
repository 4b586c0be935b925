//! What fleets are written with beside paho, mosquitto and the AWS SDK: rumqttc and node's `mqtt`, in both versions of the protocol.
use std::time::Duration;

use conformance::Server;
use rumqttc::{Client, Event, LastWill, MqttOptions, Packet, QoS};

const TEAM: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:*:*:topicfilter/$share/team/shared/*"},
  {"Effect":"Allow","Action":"iot:RetainPublish","Resource":"arn:aws:iot:*:*:topic/shared/*"}]}"#;

#[test]
fn node_connects_publishes_subscribes_resumes_shares_and_leaves_a_will() {
    let server = Server::start();
    for name in ["pump-7", "pump-8"] {
        let arn = server.device(name);
        server.bash(&format!(
            "aws iot get-policy --policy-name team >/dev/null 2>&1 || aws iot create-policy --policy-name team --policy-document '{TEAM}' >/dev/null
             aws iot attach-policy --policy-name team --target {arn}"
        ));
    }
    let package = conformance::root().join(".venv/node/node_modules/mqtt");
    let script = conformance::root().join("conformance/node/clients.js");
    let told = server.bash(&format!("NODE_MQTT={} timeout 120 node {}", package.display(), script.display()));
    assert_eq!(told.trim(), "ok");
}

/// The next message.
fn message(events: &mut rumqttc::Connection) -> rumqttc::Publish {
    loop {
        match events.recv_timeout(Duration::from_secs(60)).expect("a message comes").expect("the connection goes on") {
            Event::Incoming(Packet::Publish(publish)) => return publish,
            _ => continue,
        }
    }
}

/// Until an acknowledgement of a kind has come.
fn until(events: &mut rumqttc::Connection, what: fn(&Packet) -> bool) {
    loop {
        if let Event::Incoming(packet) =
            events.recv_timeout(Duration::from_secs(60)).expect("it comes").expect("the connection goes on")
            && what(&packet)
        {
            return;
        }
    }
}

#[test]
fn rumqttc_does_the_same_with_quality_two() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let options = |name: &str, clean| {
        let mut options = MqttOptions::new(name, "127.0.0.1", port);
        options.set_clean_session(clean).set_keep_alive(Duration::from_secs(30));
        options
    };
    let (stays, mut events) = Client::new(options("stays", false), 10);
    stays.subscribe("r/#", QoS::ExactlyOnce).unwrap();
    until(&mut events, |packet| matches!(packet, Packet::SubAck(_)));
    let mut with_will = options("says", true);
    with_will.set_last_will(LastWill::new("r/will", "gone", QoS::AtLeastOnce, false));
    let (says, mut said) = Client::new(with_will, 10);
    says.publish("r/kept", QoS::ExactlyOnce, true, "kept").unwrap();
    until(&mut said, |packet| matches!(packet, Packet::PubComp(_)));
    let heard = message(&mut events);
    assert_eq!((heard.qos, heard.retain, &*heard.payload), (QoS::ExactlyOnce, false, &b"kept"[..]));
    until(&mut events, |packet| matches!(packet, Packet::PubRel(_)));
    // rumqttc says nothing of the PUBCOMP it sends, and forgets what it owes: what comes after it is answered after it.
    stays.publish("marker", QoS::AtLeastOnce, false, "").unwrap();
    until(&mut events, |packet| matches!(packet, Packet::PubAck(_)));
    stays.disconnect().unwrap();
    while let Ok(Ok(_)) = events.recv_timeout(Duration::from_secs(60)) {}
    for n in 0..3 {
        says.publish("r/queue", QoS::ExactlyOnce, false, n.to_string()).unwrap();
        until(&mut said, |packet| matches!(packet, Packet::PubComp(_)));
    }
    drop((says, said)); // without DISCONNECT: its will is published
    let (again, mut events) = Client::new(options("stays", false), 10);
    let mut heard: Vec<_> = (0..4).map(|_| message(&mut events)).map(|heard| heard.payload.to_vec()).collect();
    heard.sort();
    assert_eq!(heard, [&b"0"[..], b"1", b"2", b"gone"]);
    again.subscribe("$share/g/jobs", QoS::AtLeastOnce).unwrap();
    until(&mut events, |packet| matches!(packet, Packet::SubAck(_)));
    again.publish("jobs", QoS::AtLeastOnce, false, "job").unwrap();
    assert_eq!(&*message(&mut events).payload, b"job");
    let (late, mut events) = Client::new(options("late", true), 10);
    late.subscribe("r/+", QoS::AtMostOnce).unwrap();
    assert!(message(&mut events).retain);
}
