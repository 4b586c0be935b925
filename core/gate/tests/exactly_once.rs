//! QoS 2 in both directions, and stored sessions (MQTT5 §4.3.3, §4.4).
mod dialogue;

use dialogue::*;
use expect_test::expect;
use sekisho_gate::{Accepted, Handed, Refusal, Sequence, Settings};
use sekisho_mqtt::ProtocolVersion::{V5, V311};
use sekisho_mqtt::*;

#[test]
fn a_message_from_the_client_is_taken_once() {
    let mut d = Dialogue::connected(V311, Settings::mqtt());
    d.send(publish_twice("plant/7", b"21.5", 1));
    d.send(publish_twice("plant/7", b"21.5", 1)); // sent again before the answer
    d.shell(|gate| gate.publish_accepted(id(1), Sequence(4)));
    d.shell(|gate| gate.handle_persisted(Sequence(4)));
    d.send(publish_twice("plant/7", b"21.5", 1)); // and after
    d.send(pubrel(1));
    d.send(pubrel(1)); // its PUBCOMP was lost
    d.send(publish_twice("plant/7", b"21.6", 1));
    d.check(expect![[r#"
        -> PUBLISH plant/7 "21.5" id 1 at 2
        -- Publish plant/7 "21.5" id 1
        -> PUBLISH plant/7 "21.5" id 1 at 2
        <- PUBREC id 1 0x00 success
        <- PUBREC id 1 0x00 success
        -> PUBLISH plant/7 "21.5" id 1 at 2
        <- PUBREC id 1 0x00 success
        -> PUBREL id 1 0x00 success
        <- PUBCOMP id 1 0x00 success
        -> PUBREL id 1 0x00 success
        <- PUBCOMP id 1 0x00 success
        -> PUBLISH plant/7 "21.6" id 1 at 2
        -- Publish plant/7 "21.6" id 1
    "#]]);
}

#[test]
fn a_message_that_is_refused_leaves_its_identifier() {
    let mut d = Dialogue::connected(V5, Settings::mqtt());
    d.send(publish_twice("secret", b"", 1));
    d.shell(|gate| gate.publish_refused(Some(id(1)), Refusal::NotAuthorized));
    d.send(publish_twice("plant/7", b"", 1));
    d.send(pubrel(9));
    d.check(expect![[r#"
        -> PUBLISH secret "" id 1 at 2
        -- Publish secret "" id 1
        <- PUBREC id 1 0x87 not authorized
        -> PUBLISH plant/7 "" id 1 at 2
        -- Publish plant/7 "" id 1
        -> PUBREL id 9 0x00 success
        <- PUBCOMP id 9 0x92 packet identifier not found
    "#]]);
}

#[test]
fn a_message_to_the_client_holds_its_place_until_pubcomp() {
    let mut d = Dialogue::connected(V5, Settings { send_maximum: 1, ..Settings::mqtt() });
    for payload in [b"1", b"2", b"3"] {
        assert!(d.deliver("a", payload, QoS::ExactlyOnce));
    }
    d.send(puback(1)); // is no answer to QoS 2
    d.send(pubrec(1, ReasonCode::Success));
    d.send(pubrec(1, ReasonCode::Success));
    d.send(pubcomp(1));
    d.send(pubrec(2, ReasonCode::UnspecifiedError));
    d.send(pubrec(9, ReasonCode::Success));
    d.check(expect![[r#"
        <- PUBLISH a "1" id 1 at 2
        -> PUBACK id 1 0x00 success
        -> PUBREC id 1 0x00 success
        <- PUBREL id 1 0x00 success
        -> PUBREC id 1 0x00 success
        <- PUBREL id 1 0x00 success
        -> PUBCOMP id 1 0x00 success
        <- PUBLISH a "2" id 2 at 2
        -> PUBREC id 2 0x80 unspecified error
        <- PUBLISH a "3" id 3 at 2
        -> PUBREC id 9 0x00 success
        <- PUBREL id 9 0x92 packet identifier not found
    "#]]);
}

#[test]
fn a_stored_session_is_told_of_each_step_before_the_client_is() {
    let mut d = Dialogue::new(V311, Settings { send_maximum: 2, ..Settings::mqtt() });
    let mut connect = bare_connect(V311, "pump-7");
    connect.clean_start = false;
    d.send(Packet::Connect(Box::new(connect)));
    d.accept_with(Accepted { session_present: true, is_stored: true, taken: vec![id(5)], ..Accepted::default() });
    d.shell(|gate| gate.release(id(7), Sequence(0)));
    assert_eq!(d.deliver_stored(b"sent before", (id(8), QoS::AtLeastOnce, true)), Handed::Sent);
    assert_eq!(d.deliver_stored(b"new", (id(9), QoS::ExactlyOnce, false)), Handed::Later, "the window");
    d.send(pubcomp(7));
    assert_eq!(d.deliver_stored(b"new", (id(9), QoS::ExactlyOnce, false)), Handed::Sent);
    d.send(puback(8));
    d.send(pubrec(9, ReasonCode::Success));
    d.shell(|gate| gate.release(id(9), Sequence(0)));
    d.send(pubcomp(9));
    d.send(publish_twice("a", b"taken by the connection before", 5));
    d.send(pubrel(5));
    d.shell(|gate| gate.complete(id(5), Sequence(0)));
    d.check(expect![[r#"
        -> CONNECT pump-7 level 4
        -- Connect pump-7 keep alive 60 s, session for 4294967295 s
        <- CONNACK 0x00 success
        <- PUBREL id 7 0x00 success
        <- PUBLISH a "sent before" id 8 dup
        -> PUBCOMP id 7 0x00 success
        -- Acknowledged 7
        <- PUBLISH a "new" id 9 at 2
        -> PUBACK id 8 0x00 success
        -- Acknowledged 8
        -> PUBREC id 9 0x00 success
        -- Received 9
        <- PUBREL id 9 0x00 success
        -> PUBCOMP id 9 0x00 success
        -- Acknowledged 9
        -> PUBLISH a "taken by the connection before" id 5 at 2
        <- PUBREC id 5 0x00 success
        -> PUBREL id 5 0x00 success
        -- Released 5
        <- PUBCOMP id 5 0x00 success
    "#]]);
}

#[test]
fn a_client_without_keep_alive_may_be_silent() {
    let mut d = Dialogue::new(V5, Settings::mqtt());
    let mut connect = bare_connect(V5, "pump-7");
    connect.keep_alive_s = 0;
    d.send(Packet::Connect(Box::new(connect)));
    d.accept();
    assert_eq!(d.gate.poll_timeout(), None);
}

#[test]
fn what_is_stored_is_told_once_it_is_durable_and_in_order() {
    let mut d = Dialogue::new(V5, Settings { untold_max: 2, ..Settings::mqtt() });
    d.send(connect(V5, "pump-7"));
    let now = d.now;
    d.shell(|gate| gate.accept(now, Accepted::default(), Sequence(3)));
    assert!(!d.gate.is_connected());
    d.shell(|gate| gate.handle_persisted(Sequence(3)));
    assert!(d.gate.is_connected());
    d.transcript.clear();
    for number in [1, 2] {
        d.send(subscribe(number, &[("a", QoS::AtLeastOnce)]));
        // The second changes nothing, and is not told before the first all the same.
        let owed = Sequence(if number == 1 { 5 } else { 0 });
        d.shell(|gate| gate.subscribed(id(number), vec![Ok(QoS::AtLeastOnce)], owed));
    }
    assert!(!d.gate.takes_input(), "two answers wait: no more is read");
    d.wait(3_600); // and it is not for the client to be heard
    d.shell(|gate| gate.handle_persisted(Sequence(4)));
    d.shell(|gate| gate.handle_persisted(Sequence(5)));
    assert!(d.gate.takes_input());
    d.check(expect![[r#"
        -> SUBSCRIBE id 1 a at 1
        -- Subscribe id 1 a at 1
        -> SUBSCRIBE id 2 a at 1
        -- Subscribe id 2 a at 1
           3600 s pass
        <- SUBACK id 1 0x01
        <- SUBACK id 2 0x01
    "#]]);
}

/// As many exchanges as there may be, each waiting for the client's PUBREL: that is read, and one more is too much.
#[test]
fn who_has_to_let_go_is_read() {
    for version in [V311, V5] {
        let settings = || Settings { receive_maximum: 2, ..Settings::mqtt() };
        let full = || {
            let mut d = Dialogue::connected(version, settings());
            for n in [1, 2] {
                d.send(publish_twice("a", b"", n));
                d.shell(|gate| gate.publish_accepted(id(n), Sequence(0)));
            }
            d
        };
        let mut d = full();
        assert!(d.gate.takes_input());
        d.send(pubrel(1));
        d.send(publish_twice("a", b"", 3));
        assert!(d.gate.is_connected());
        let mut d = full();
        d.send(publish_twice("a", b"", 3));
        assert!(d.gate.is_closed());
        let mut d = Dialogue::new(version, settings());
        d.send(connect(version, "pump-7"));
        let taken = vec![id(1), id(2)];
        d.accept_with(Accepted { is_stored: true, session_present: true, taken, ..Accepted::default() });
        assert!(d.gate.takes_input(), "a session that was left so goes on");
    }
}

/// Repeated while the disk is behind, a message counts once towards Receive Maximum and is answered each time: so there is an end to it.
#[test]
fn a_client_that_repeats_itself_waits_for_its_answers() {
    let mut d = Dialogue::connected(V5, Settings { receive_maximum: 3, ..Settings::mqtt() });
    for _ in 0..6 {
        assert!(d.gate.takes_input());
        d.send(publish_twice("a", b"", 1));
    }
    assert!(!d.gate.takes_input() && d.gate.is_connected());
    d.shell(|gate| gate.publish_accepted(id(1), Sequence(0)));
    assert!(d.gate.takes_input());
}

/// Receive Maximum begins anew with each connection (MQTT5 §4.9): what the one before took counts once it is sent again.
#[test]
fn what_was_taken_before_leaves_room_for_more() {
    for again in [false, true] {
        let mut d = Dialogue::new(V5, Settings { receive_maximum: 2, ..Settings::mqtt() });
        d.send(connect(V5, "pump-7"));
        let taken = vec![id(1), id(2)];
        d.accept_with(Accepted { is_stored: true, session_present: true, taken, ..Accepted::default() });
        if again {
            d.send(publish_twice("a", b"", 1));
        }
        d.send(publish_twice("a", b"", 3));
        assert!(d.gate.is_connected());
        d.send(publish_twice("a", b"", 4));
        assert_eq!(d.gate.is_connected(), !again);
    }
}
