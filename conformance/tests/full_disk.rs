//! A disk that fills up: producers are pushed back, nothing acknowledged is lost, and what is there drains.
use conformance::mqtt::{Client, connect, id, payload, publish, subscription, text};
use conformance::{Server, eventually};
use sekisho_mqtt::{BinaryData, Connect, Packet, ProtocolVersion, Publish, ReasonCode, Will};
use sekisho_types::QoS::AtLeastOnce;

/// The journal's reserve, and a few segments.
const DISK_MEBIBYTES: u32 = 288;

#[test]
fn a_full_disk_pushes_back_and_drains() {
    let Some(mut server) = Server::start_standard_on_disk(DISK_MEBIBYTES) else {
        eprintln!("not tried: this user cannot mount a file system");
        return;
    };
    assert!(server.python("full_disk_fill.py").contains("full"));
    server.kill();
    server.restart();
    assert!(server.python("full_disk_drain.py").contains("drained"));
}

/// The same over MQTT, without a crash: what has to be kept waits, in its connection and as a will, and nobody else does.
#[test]
fn a_full_disk_holds_up_what_needs_it_and_nothing_else() {
    let Some(server) = Server::start_standard_on_disk(DISK_MEBIBYTES) else {
        eprintln!("not tried: this user cannot mount a file system");
        return;
    };
    assert!(server.python("full_disk_fill.py").contains("full"));
    let port = server.plain_mqtt_port();
    let waiting = [ProtocolVersion::V311, ProtocolVersion::V5].map(|version| waits(port, version));
    others_go_on(port);
    goes(port);
    assert!(server.python("full_disk_drain.py").contains("drained"));
    for mut device in waiting {
        assert!(matches!(device.hear(), Packet::PubAck(acknowledged) if acknowledged.packet_identifier == id(7)));
        assert_eq!(device.publish(publish("kept/x", "room again\n", AtLeastOnce)), ReasonCode::Success);
    }
    let in_lake =
        "aws s3 cp --quiet --recursive s3://lake lake && find lake -type f -exec cat {} + | zcat | grep 'gone will'";
    eventually("the will in the lake", || (server.bash_may_fail(in_lake).0 == Some(0)).then_some(()));
}

/// What a stream is to keep waits in the device's connection until it can, and what the device says after it.
fn waits(port: u16, version: ProtocolVersion) -> Client {
    let (mut device, _) = Client::connected(port, connect(version, &format!("waits-{version:?}")));
    let kept = Publish { packet_identifier: Some(id(7)), ..publish("kept/x", "no room\n", AtLeastOnce) };
    device.send(Packet::Publish(kept));
    device
}

/// A will that has to be kept waits as well, when its client is gone.
fn goes(port: u16) {
    let payload = BinaryData::new(b"gone will\n".as_slice().into()).expect("short");
    let will = Will { topic: text("kept/will"), payload, qos: AtLeastOnce, retain: false, properties: None };
    let (client, _) = Client::connected(port, Connect { will: Some(will), ..connect(ProtocolVersion::V5, "goes") });
    client.lose();
}

/// What nobody has to keep, nothing holds up.
fn others_go_on(port: u16) {
    let (mut hears, _) = Client::connected(port, connect(ProtocolVersion::V5, "hears"));
    hears.subscribe(vec![subscription("live/#", AtLeastOnce)]);
    let (mut says, _) = Client::connected(port, connect(ProtocolVersion::V311, "says"));
    for n in 0..10 {
        assert_eq!(says.publish(publish("live/x", &n.to_string(), AtLeastOnce)), ReasonCode::Success);
        assert_eq!(payload(&hears.message()), n.to_string());
    }
}
