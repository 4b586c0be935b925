//! What a client is held to when the operator says so: rates, and any other limit of `sekisho.toml`.
use std::time::{Duration, Instant};

use bytes::BytesMut;
use conformance::Server;
use conformance::mqtt::{Client, connect, id, publish, resume, subscription};
use sekisho_mqtt::{Packet, ProtocolVersion, PubAck, Publish, ReasonCode, encode};
use sekisho_types::QoS::{AtLeastOnce, AtMostOnce};

const V5: ProtocolVersion = ProtocolVersion::V5;

fn start(limits: &str) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("sekisho.toml");
    std::fs::write(&path, format!("[limits]\n{limits}\n")).expect("a file");
    (Server::start_standard_with(&["--config", path.to_str().expect("a path")]), directory)
}

/// All at once, so that the server reads them at one time.
fn say_at_once(client: &mut Client, version: ProtocolVersion, messages: impl Iterator<Item = Publish>) {
    let mut bytes = BytesMut::new();
    messages.for_each(|message| encode(&Packet::Publish(message), version, &mut bytes));
    client.send_bytes(&bytes);
}

fn numbered(n: u16) -> Publish {
    Publish { packet_identifier: Some(id(n)), ..publish("rate/x", &n.to_string(), AtLeastOnce) }
}

#[test]
fn what_is_published_over_the_rate_is_refused_by_name() {
    let (server, _directory) = start("publishes_per_s = 5");
    let port = server.plain_mqtt_port();
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    say_at_once(&mut says, V5, (1..=50).map(numbered));
    let answers: Vec<_> = (1..=50)
        .map(|n| match says.hear() {
            Packet::PubAck(PubAck { packet_identifier, reason_code, .. }) if packet_identifier == id(n) => reason_code,
            other => panic!("PUBACK {n} expected: {other:?}"),
        })
        .collect();
    assert!(answers[..5].iter().all(|code| *code == ReasonCode::Success), "{answers:?}");
    let refused = answers.iter().filter(|code| **code == ReasonCode::QuotaExceeded).count();
    assert!((30..=45).contains(&refused), "{answers:?}");
    let told = server.bash("sekisho why says --data $SEKISHO_DATA");
    assert!(told.contains("more than 5 messages published in a second"), "{told}");

    let (mut older, _) = Client::connected(port, connect(ProtocolVersion::V311, "older"));
    say_at_once(&mut older, ProtocolVersion::V311, (1..=50).map(numbered));
    older.send(Packet::PingReq);
    let mut acknowledged = 0;
    while let Packet::PubAck(_) = older.hear() {
        acknowledged += 1;
    }
    assert!((5..=20).contains(&acknowledged), "the others are not acknowledged: {acknowledged}");
}

#[test]
fn what_is_sent_over_the_rate_waits_or_is_dropped() {
    let (server, _directory) = start("deliveries_per_s = 5");
    let port = server.plain_mqtt_port();
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    for n in 0..10 {
        says.publish(Publish { retain: true, ..publish(&format!("rate/{n}"), "kept", AtLeastOnce) });
    }
    let (mut loses, _) = Client::connected(port, connect(V5, "loses"));
    loses.subscribe(vec![subscription("rate/+", AtMostOnce)]);
    (0..5).for_each(|_| assert_eq!(loses.message().payload, "kept"));
    loses.hears_nothing();
    let began = Instant::now();
    let (mut waits, _) = Client::connected(port, connect(V5, "waits"));
    waits.subscribe(vec![subscription("rate/+", AtLeastOnce)]);
    (0..10).for_each(|_| assert_eq!(waits.message().payload, "kept"));
    assert!(began.elapsed() >= Duration::from_millis(900), "five at once, five more in a second");
}

#[test]
fn what_is_sent_too_fast_is_read_later() {
    let (server, _directory) = start("received_bytes_per_s = 65536");
    let (mut says, _) = Client::connected(server.plain_mqtt_port(), connect(V5, "says"));
    let began = Instant::now();
    let large = "x".repeat(20 * 1024);
    (0..10).for_each(|_| assert_eq!(says.publish(publish("rate/x", &large, AtLeastOnce)), ReasonCode::Success));
    assert!(began.elapsed() >= Duration::from_secs(1), "200 KiB at 64 a second, the first 64 at once");
    says.hears_nothing();
}

#[test]
fn a_client_id_connects_so_often_and_no_more() {
    let (server, _directory) = start("connects_per_client_per_s = 1");
    let port = server.plain_mqtt_port();
    conformance::eventually("two in a second", || {
        let (_, connack) = Client::connect(port, connect(V5, "hasty"));
        (connack.reason_code == ReasonCode::QuotaExceeded).then_some(())
    });
    let told = server.bash("sekisho why hasty --data $SEKISHO_DATA");
    assert!(told.contains("more than 1 CONNECTs of this client id in a second"), "{told}");
    conformance::eventually("and again later", || {
        std::thread::sleep(Duration::from_millis(300));
        let (_, connack) = Client::connect(port, connect(V5, "hasty"));
        (connack.reason_code == ReasonCode::Success).then_some(())
    });
}

/// Those of sessions whose clients are away count too; who has a subscription may have it again.
#[test]
fn one_subscription_more_than_the_account_may_have_is_refused() {
    let (server, _directory) = start("[sessions]\nsubscriptions = 3");
    let port = server.plain_mqtt_port();
    let to = |filter: &str| subscription(filter, AtLeastOnce);
    let (mut away, _) = Client::connected(port, resume(V5, "away"));
    assert_eq!(away.subscribe(vec![to("a/1"), to("a/2")]), [ReasonCode::GrantedQoS1; 2]);
    away.leave();
    let (mut here, _) = Client::connected(port, connect(V5, "here"));
    let answers = here.subscribe(vec![to("b/1"), to("b/2"), to("b/1")]);
    assert_eq!(answers, [ReasonCode::GrantedQoS1, ReasonCode::QuotaExceeded, ReasonCode::GrantedQoS1]);
    let (mut older, _) = Client::connected(port, connect(ProtocolVersion::V311, "older"));
    assert_eq!(older.subscribe(vec![to("c/1")]), [ReasonCode::UnspecifiedError], "0x80");
    let told = server.bash("sekisho why here --data $SEKISHO_DATA");
    assert!(told.contains("as many subscriptions as it may"), "{told}");
    drop(here);
    conformance::eventually("the one that is gone has given back", || {
        (older.subscribe(vec![to("c/1")]) == [ReasonCode::GrantedQoS1]).then_some(())
    });
}
