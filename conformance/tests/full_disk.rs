//! A disk that fills up: producers are pushed back, nothing acknowledged is lost, and what is there drains.
use conformance::Server;
use conformance::mqtt::{Client, connect, id, payload, publish, subscription};
use sekisho_mqtt::{Packet, ProtocolVersion, Publish, ReasonCode};
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
    let waiting = [ProtocolVersion::V311, ProtocolVersion::V5].map(|version| waits(server.plain_mqtt_port(), version));
    others_go_on(server.plain_mqtt_port());
    assert!(server.python("full_disk_drain.py").contains("drained"));
    for mut device in waiting {
        assert!(matches!(device.hear(), Packet::PubAck(acknowledged) if acknowledged.packet_identifier == id(7)));
        assert_eq!(device.publish(publish("kept/x", "room again\n", AtLeastOnce)), ReasonCode::Success);
    }
}

/// What a stream is to keep waits in the device's connection until it can, and what the device says after it.
fn waits(port: u16, version: ProtocolVersion) -> Client {
    let (mut device, _) = Client::connected(port, connect(version, &format!("waits-{version:?}")));
    let kept = Publish { packet_identifier: Some(id(7)), ..publish("kept/x", "no room\n", AtLeastOnce) };
    device.send(Packet::Publish(kept));
    device
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
