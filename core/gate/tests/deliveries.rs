//! Messages to the client: the window, the waiting room, and what is not sent.
mod dialogue;

use std::sync::Arc;

use dialogue::*;
use expect_test::expect;
use sekisho_gate::{Delivery, Sequence, Settings};
use sekisho_mqtt::ProtocolVersion::{V5, V311};
use sekisho_mqtt::*;

#[test]
fn messages_beyond_the_window_wait_and_beyond_the_waiting_room_are_not_taken() {
    let settings = Settings { send_maximum: 2, waiting_deliveries_max: 2, ..Settings::default() };
    let mut d = Dialogue::connected(V5, settings);
    let taken: Vec<bool> = (0..5).map(|n| d.deliver("a", &[b'0' + n], QoS::AtLeastOnce)).collect();
    assert_eq!(taken, [true, true, true, true, false]);
    assert!(d.deliver("a", b"5", QoS::AtMostOnce), "QoS 0 needs no window");
    d.send(puback(2));
    d.send(puback(9)); // never sent: ignored
    d.send(puback(1));
    d.check(expect![[r#"
        <- PUBLISH a "0" id 1
        <- PUBLISH a "1" id 2
        <- PUBLISH a "5"
        -> PUBACK id 2 0x00 success
        <- PUBLISH a "2" id 3
        -> PUBACK id 9 0x00 success
        -> PUBACK id 1 0x00 success
        <- PUBLISH a "3" id 4
    "#]]);
}

#[test]
fn a_client_that_does_not_read_loses_its_oldest_qos_0_messages() {
    let settings = Settings { outgoing_bytes_max: 1, waiting_deliveries_max: 2, ..Settings::default() };
    let mut d = Dialogue::connected(V311, settings);
    let deliver = |d: &mut Dialogue, payload: &[u8], qos| {
        let delivery = Arc::new(Delivery::new(d.now, &text("a"), payload, None, false));
        d.gate.deliver(d.now, &delivery, qos)
    };
    assert!(deliver(&mut d, b"0 is being written", QoS::AtMostOnce));
    assert!(deliver(&mut d, b"1 is dropped for 3", QoS::AtMostOnce));
    assert!(deliver(&mut d, b"2 is dropped for 4", QoS::AtMostOnce));
    assert!(deliver(&mut d, b"3 waits", QoS::AtMostOnce));
    assert!(deliver(&mut d, b"4 waits", QoS::AtLeastOnce));
    assert_eq!(d.gate.dropped_deliveries(), 2);
    assert!(!d.gate.takes_input());
    d.drain();
    d.check(expect![[r#"
        <- PUBLISH a "0 is being written"
        <- PUBLISH a "4 waits" id 1
        <- PUBLISH a "3 waits"
    "#]]);
}

#[test]
fn message_expiry_counts_down_and_out() {
    let mut d = Dialogue::connected(V5, Settings { send_maximum: 1, ..Settings::default() });
    let properties = PublishProperties { message_expiry_interval_s: Some(60), ..PublishProperties::default() };
    let sent = d.now;
    for payload in ["at once", "after a while", "too late"] {
        let delivery = Arc::new(Delivery::new(sent, &text("a"), payload.as_bytes(), Some(&properties), false));
        assert!(d.gate.deliver(d.now, &delivery, QoS::AtLeastOnce));
    }
    d.wait(30);
    d.send(puback(1));
    d.wait(30);
    d.send(puback(2));
    d.check(expect![[r#"
           30 s pass
        <- PUBLISH a "at once" id 1 expires in 60 s
        -> PUBACK id 1 0x00 success
        <- PUBLISH a "after a while" id 2 expires in 30 s
           30 s pass
        -> PUBACK id 2 0x00 success
    "#]]);
    assert_eq!(d.gate.dropped_deliveries(), 1);
}

/// [MQTT-3.1.2-25].
#[test]
fn a_message_over_the_clients_maximum_packet_size_is_not_sent() {
    let mut d = Dialogue::new(V5, Settings::default());
    let mut connect = bare_connect(V5, "small");
    let maximum_packet_size = std::num::NonZeroU32::new(40);
    connect.properties = Some(Box::new(ConnectProperties { maximum_packet_size, ..ConnectProperties::default() }));
    d.send(Packet::Connect(Box::new(connect)));
    d.accept();
    d.transcript.clear();
    assert!(d.deliver("a", &[b'x'; 34], QoS::AtMostOnce));
    assert!(d.deliver("a", &[b'x'; 35], QoS::AtMostOnce));
    d.check(expect![[r#"
        <- PUBLISH a "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
    "#]]);
}

/// [MQTT-3.1.2-24]
#[test]
fn no_other_packet_is_over_it_either() {
    let connect = |bytes| {
        let mut connect = bare_connect(V5, "small");
        let maximum_packet_size = std::num::NonZeroU32::new(bytes);
        connect.properties = Some(Box::new(ConnectProperties { maximum_packet_size, ..ConnectProperties::default() }));
        Packet::Connect(Box::new(connect))
    };
    let mut d = Dialogue::new(V5, Settings::default());
    d.send(connect(20));
    d.transcript.clear();
    d.accept();
    d.check(expect![[r#"
        <- CONNACK 0x95 packet too large
        -- Close CLIENT_ERROR: the client's Maximum Packet Size has no room for CONNACK [MQTT-3.1.2-24]
    "#]]);
    let mut d = Dialogue::new(V5, Settings::mqtt());
    d.send(connect(40));
    d.accept();
    let filters: Vec<String> = (0..36).map(|n| n.to_string()).collect();
    let filters: Vec<_> = filters.iter().map(|filter| (filter.as_str(), QoS::AtMostOnce)).collect();
    d.send(subscribe(7, &filters));
    d.transcript.clear();
    d.shell(|gate| gate.subscribed(id(7), vec![Ok(QoS::AtMostOnce); 36], Sequence(0)));
    d.check(expect![[r#"
        <- DISCONNECT 0x95 packet too large
        -- Close CLIENT_ERROR, with will: an acknowledgement would be over the client's Maximum Packet Size, 40
    "#]]);
}

/// A payload is the least of a message that has none, and a hundred thousand bytes of user properties.
#[test]
fn what_waits_weighs_its_properties_too() {
    let pair = UserProperty { name: text("a"), value: text("b") };
    let properties = PublishProperties { user_properties: vec![pair; 10_000], ..PublishProperties::default() };
    let settings = Settings { outgoing_bytes_max: 1, waiting_bytes_max: 200_000, ..Settings::default() };
    let mut d = Dialogue::connected(V5, settings);
    for _ in 0..4 {
        let delivery = Arc::new(Delivery::new(d.now, &text("a"), b"", Some(&properties), false));
        assert!(delivery.bytes() >= 70_000 && delivery.bytes() < 71_000);
        assert!(d.gate.deliver(d.now, &delivery, QoS::AtMostOnce));
    }
    assert_eq!(d.gate.dropped_deliveries(), 1, "one is being written, two wait");
}
