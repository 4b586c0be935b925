//! A disk that takes half a second for each sync: what is acknowledged is on it all the same, who sends waits, and nobody else does.
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use conformance::Server;
use conformance::mqtt::{Client, connect, id, payload, publish, resume, subscription};
use sekisho_mqtt::{Packet, ProtocolVersion, Publish, ReasonCode};
use sekisho_types::QoS::{AtLeastOnce, AtMostOnce};

const V5: ProtocolVersion = ProtocolVersion::V5;
const DELAY: Duration = Duration::from_millis(500);

/// Makes each sync of the server's wait. `None` where processes cannot be traced.
fn slow_down(server: &Server) -> Option<Child> {
    let delay = format!("inject=fdatasync:delay_enter={}", DELAY.as_micros());
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-q",
        "-e",
        "trace=fdatasync",
        "-e",
        &delay,
        "-o",
        "/dev/null",
        "-p",
        &server.pid().to_string(),
    ]);
    let mut tracing = strace.stderr(Stdio::null()).spawn().ok()?;
    let traced = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap_or_default();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    loop {
        if traced() {
            return Some(tracing);
        }
        if tracing.try_wait().ok()?.is_some() {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_slow_disk_holds_up_those_who_wait_for_it_and_nobody_else() {
    let mut server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut away, _) = Client::connected(port, resume(V5, "away"));
    away.subscribe(vec![subscription("kept/#", AtLeastOnce)]);
    away.leave();
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("live/#", AtMostOnce)]);
    let (mut keeps, _) = Client::connected(port, connect(V5, "keeps"));
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    let Some(mut strace) = slow_down(&server) else {
        eprintln!("not tried: this user cannot trace processes");
        return;
    };

    let began = Instant::now();
    for n in 0..100 {
        let numbered = publish("kept/x", &n.to_string(), AtLeastOnce);
        keeps.send(Packet::Publish(Publish { packet_identifier: Some(id(n + 1)), ..numbered }));
    }
    for n in 0..20 {
        says.publish(publish("live/x", &n.to_string(), AtMostOnce));
        assert_eq!(payload(&hears.message()), n.to_string());
    }
    for n in 0..100 {
        let Packet::PubAck(acknowledged) = keeps.hear() else { panic!("PUBACK {n}") };
        assert_eq!((acknowledged.packet_identifier, acknowledged.reason_code), (id(n + 1), ReasonCode::Success));
        assert!(began.elapsed() >= DELAY, "nothing is acknowledged before it is on the disk");
    }

    let queue_mib = 16; // the journal's, before it reads no more from those who fill it
    let before = server.resident_mib();
    let large = "x".repeat(256 * 1024);
    let mut floods: Vec<Client> =
        (0..8).map(|n| Client::connected(port, connect(V5, &format!("floods-{n}"))).0).collect();
    let mut most = before;
    for n in 0..20 {
        for flood in &mut floods {
            let retained = Publish { retain: true, ..publish(&format!("large/{n}"), &large, AtLeastOnce) };
            flood.send(Packet::Publish(Publish { packet_identifier: Some(id(n + 1)), ..retained }));
        }
        most = most.max(server.resident_mib());
    }
    for flood in &mut floods {
        (0..20).for_each(|_| assert!(matches!(flood.hear(), Packet::PubAck(_))));
    }
    eprintln!("{before} MiB before, {most} at most while 40 MiB wait for the disk");
    assert!(most < before + queue_mib + 80, "{before} MiB before, {most} at most");

    server.kill();
    let _ = strace.wait();
    server.restart();
    let (mut away, present) = Client::connected(server.plain_mqtt_port(), resume(V5, "away"));
    assert!(present);
    (0..100).for_each(|n| assert_eq!(payload(&away.message()), n.to_string()));
}
