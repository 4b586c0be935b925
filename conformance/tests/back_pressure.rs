//! What happens to those who send when others do not read, or are not there: nothing; and to the memory: a bound.
use conformance::Server;
use conformance::mqtt::{Client, connect, publish, resume, subscription, text};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sekisho_mqtt::{
    BinaryData, Packet, ProtocolVersion, Publish, PublishProperties, ReasonCode, UserProperty, Will, WillProperties,
};
use sekisho_types::QoS::{AtLeastOnce, AtMostOnce};

const V5: ProtocolVersion = ProtocolVersion::V5;

/// How many file descriptors this process may have, once it has asked for as many as it may.
fn descriptors() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum");
    maximum.map_or(usize::MAX, |maximum| usize::try_from(maximum).unwrap_or(usize::MAX))
}

fn figure(server: &Server, name: &str) -> f64 {
    let figures = conformance::http_get(server.admin(), "/metrics").expect("figures");
    let lines = figures.lines().filter(|line| line.starts_with(name));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// Two dozen connections that stop reading would have 384 MiB waiting, 16 each; all mailboxes together have 256 at most, and who leaves
/// messages of QoS 1 there is told to go.
#[test]
fn those_who_do_not_read_cost_a_bounded_memory_and_nobody_time() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let before = server.resident_mib();
    let slow: Vec<Client> = (0..24)
        .map(|n| {
            let (mut client, _) = Client::connected(port, connect(V5, &format!("slow-{n}")));
            client
                .subscribe(vec![subscription(&format!("slow/{n}"), if n % 2 == 0 { AtMostOnce } else { AtLeastOnce })]);
            client
        })
        .collect();
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("well/#", AtLeastOnce)]);
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    let large = "x".repeat(512 * 1024);
    let mut most = 0;
    for round in 0..60 {
        for n in 0..24 {
            assert_eq!(says.publish(publish(&format!("slow/{n}"), &large, AtLeastOnce)), ReasonCode::Success);
        }
        says.publish(publish("well/x", &round.to_string(), AtLeastOnce));
        assert_eq!(hears.message().payload, round.to_string().as_bytes(), "who reads hears");
        most = most.max(server.resident_mib());
    }
    eprintln!("{before} MiB before, {most} at most, {:.0} times full", figure(&server, "sekisho_mailbox_full_total"));
    assert!(most < before + 340, "{before} MiB before, {most} at most");
    let throttled = conformance::eventually("those of QoS 1 are told to go", || {
        let ended = figure(&server, "sekisho_disconnects_total{reason=\"THROTTLED\"");
        (ended >= 12.0).then_some(ended)
    });
    assert!((throttled - 12.0).abs() < 0.5, "those of QoS 0 only lose messages: {throttled}");
    drop(slow);
}

/// Of 10,000 connections 1,000 do not read what is sent to all of them; the others hear what is theirs all the same. What a deaf one
/// costs is bounded: what is written for it and not taken, and what waits behind that, which is there once for all.
#[test]
fn ten_thousand_connections_of_which_a_thousand_do_not_read() {
    let many = 10_000.min(descriptors() - 500); // as many as the machine lets us have
    let deaf = many / 10;
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let before = server.resident_mib();
    let mut clients: Vec<Client> = (0..many)
        .map(|n| {
            let (mut client, _) = Client::connected(port, connect(V5, &format!("client-{n}")));
            let qos = if n % 2 == 0 { AtMostOnce } else { AtLeastOnce };
            let filter = if n < deaf { "all".to_owned() } else { format!("own/{n}") };
            client.subscribe(vec![subscription(&filter, qos)]);
            client
        })
        .collect();
    let connected = server.resident_mib();
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    let large = "x".repeat(128 * 1024);
    let mut most = connected;
    for round in 0..50 {
        assert_eq!(says.publish(publish("all", &large, AtLeastOnce)), ReasonCode::Success);
        let n = deaf + round * 7919 % (many - deaf);
        says.publish(publish(&format!("own/{n}"), &round.to_string(), AtLeastOnce));
        assert_eq!(clients[n].message().payload, round.to_string(), "who reads hears");
        most = most.max(server.resident_mib());
    }
    let kib = (connected - before) * 1024 / many as u64;
    eprintln!(
        "{before} MiB before, {connected} with {many} connections ({kib} KiB each), {most} at most with {deaf} that do not read"
    );
    let written = deaf as u64 * 512 / 1024; // 256 KiB for each, and the packet that crosses that
    assert!(most < connected + written + 100, "{connected} MiB before, {most} at most");
}

/// Packets whose end does not come wait for it, until all of them weigh as much as they may. Then those with a large one are told to go as
/// they go on, and nobody else is; a stranger's CONNECT is such a packet too.
#[test]
fn what_is_never_finished_costs_a_bounded_memory() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let before = server.resident_mib();
    let large = [&b"\x30\xC0\x84\x3D"[..], &vec![0; 990_000]].concat(); // of 1,000,000 bytes
    let (mut small, _) = Client::connected(port, connect(V5, "small"));
    small.send_bytes(b"\x30\x0E\x00\x06well/x\x00");
    let mut unfinished = Vec::new();
    for n in 0..200 {
        let mut client = if n % 2 == 0 {
            Client::connected(port, connect(V5, &format!("unfinished-{n}"))).0
        } else {
            Client::open(port, V5)
        };
        let begun = if n % 2 == 0 { large.clone() } else { [b"\x10", &large[1..]].concat() };
        client.send_bytes(&begun);
        unfinished.push(client);
    }
    for n in 200..330 {
        let (mut client, _) = Client::connected(port, connect(V5, &format!("unfinished-{n}")));
        client.send_bytes(&large);
        unfinished.push(client);
    }
    let most = server.resident_mib();
    eprintln!("{before} MiB before, {most} with {} packets of 1 MB begun", unfinished.len());
    assert!(most < before + 330, "{before} MiB before, {most} then");
    let told = server.bash("sekisho why queue --data $SEKISHO_DATA");
    assert!(told.contains("unfinished"), "{told}");
    let (mut hears, _) = Client::connected(port, connect(V5, "hears"));
    hears.subscribe(vec![subscription("well/#", AtLeastOnce)]);
    small.send_bytes(b"hello"); // the end of what it began
    assert_eq!(hears.message().payload, &b"hello"[..]);
}

/// A session whose client is away, and one whose client does not read, hold as much as they may; nobody else notices, the operator does.
#[test]
fn a_full_session_keeps_what_it_has_and_says_so_once() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let (mut away, _) = Client::connected(port, resume(V5, "away"));
    away.subscribe(vec![subscription("full/#", AtLeastOnce)]);
    away.leave();
    let (mut deaf, _) = Client::connected(port, resume(V5, "deaf"));
    deaf.subscribe(vec![subscription("full/#", AtLeastOnce)]);
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    let large = "x".repeat(512 * 1024);
    let sent = 40;
    for n in 0..sent {
        let payload = format!("{n} {large}");
        assert_eq!(says.publish(publish("full/x", &payload, AtLeastOnce)), ReasonCode::Success);
    }
    let kept = 16 * 1024 * 1024 / (512 * 1024 + 10);
    assert_eq!(figure(&server, "sekisho_session_messages_dropped_total"), f64::from(2 * (sent - kept)));
    let told = server.bash("sekisho why queue --data $SEKISHO_DATA");
    assert_eq!((told.matches("away").count(), told.matches("deaf").count()), (1, 1), "{told}");
    let (mut away, present) = Client::connected(port, resume(V5, "away"));
    assert!(present);
    for n in 0..kept {
        assert!(away.message().payload.starts_with(format!("{n} ").as_bytes()));
    }
    away.hears_nothing();
    says.publish(publish("full/x", "room again", AtLeastOnce));
    let Publish { payload, .. } = away.message();
    assert_eq!(payload.as_ref(), b"room again");
    assert!(matches!(deaf.hear(), Packet::Publish(_)));
}

/// As large as a packet may be with the shortest of user properties.
fn pairs() -> Vec<UserProperty> {
    vec![UserProperty { name: text("a"), value: text("b") }; 18_500]
}

/// Messages without payload, full of user properties, take no more than others while they wait: 300 of them were 660 MiB once.
#[test]
fn properties_that_wait_cost_what_they_are_on_the_wire() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let deaf = [AtMostOnce, AtLeastOnce].map(|qos| {
        let (mut client, _) = Client::connected(port, connect(V5, &format!("deaf-{qos:?}")));
        client.subscribe(vec![subscription("own/f1", qos)]);
        client
    });
    let (mut says, _) = Client::connected(port, connect(V5, "says"));
    let before = server.resident_mib();
    let properties = PublishProperties { user_properties: pairs(), ..PublishProperties::default() };
    let message = Publish { properties: Some(Box::new(properties)), ..publish("own/f1", "", AtLeastOnce) };
    for _ in 0..300 {
        assert_eq!(says.publish(message.clone()), ReasonCode::Success);
    }
    let after = server.resident_mib();
    eprintln!("{before} MiB before, {after} after 300 messages of 129,500 bytes of properties");
    assert!(after < before + 60, "{before} MiB before, {after} after");
    assert!(figure(&server, "sekisho_mailbox_full_total") > 0.0, "what found no room is counted");
    drop(deaf);
}

/// Wills are kept as long as their connections: 256 MiB of them, and small ones whatever happens.
#[test]
fn large_wills_are_refused_once_there_are_too_many_and_small_ones_are_not() {
    let server = Server::start_standard();
    let port = server.plain_mqtt_port();
    let before = server.resident_mib();
    let with_will = |name: &str, user_properties| {
        let properties = Some(Box::new(WillProperties { user_properties, ..WillProperties::default() }));
        let (topic, payload) = (text("gone"), BinaryData::new(b"x".as_slice().into()).expect("short"));
        let will = Some(Will { topic, payload, qos: AtMostOnce, retain: false, properties });
        Client::connect(port, sekisho_mqtt::Connect { will, ..connect(V5, name) })
    };
    let mut let_in = Vec::new();
    let refused = loop {
        let (client, connack) = with_will(&format!("large-{}", let_in.len()), pairs());
        if connack.reason_code != ReasonCode::Success {
            break connack.reason_code;
        }
        let_in.push(client);
        assert!(let_in.len() < 150, "130 KB on the wire take 2.4 MB");
    };
    assert_eq!(refused, ReasonCode::QuotaExceeded);
    let most = server.resident_mib();
    eprintln!("{before} MiB before, {most} with {} large wills", let_in.len());
    assert!(let_in.len() > 80 && most < before + 340, "{before} MiB before, {most} with {}", let_in.len());
    let (_small, connack) = with_will("small", pairs()[..2].to_vec());
    assert_eq!(connack.reason_code, ReasonCode::Success);
    let told = server.bash("sekisho why connect --data $SEKISHO_DATA");
    assert!(told.contains("wills weigh as much as they may"), "{told}");
    drop(let_in);
    conformance::eventually("those that ended have given back", || {
        (with_will("large", pairs()).1.reason_code == ReasonCode::Success).then_some(())
    });
}
