//! Whole sessions out of random bytes: nothing panics, and how bytes are cut into chunks changes nothing.
mod dialogue;

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use dialogue::*;
use sekisho_gate::{Accepted, Connection, Delivery, Output, Refusal, Sequence, Settings};
use sekisho_mqtt::*;

/// Small limits, so that a short session reaches them.
fn settings() -> Settings {
    Settings {
        receive_maximum: 3,
        send_maximum: 2,
        packet_bytes_max: 200,
        payload_bytes_max: 100,
        subscriptions_per_connection_max: 4,
        filters_per_subscribe_max: 2,
        waiting_deliveries_max: 3,
        outgoing_bytes_max: 64,
        connack_on_refusal: true,
        ..Settings::default()
    }
}

/// The same with QoS 2.
fn standard_settings() -> Settings {
    Settings { maximum_qos: QoS::ExactlyOnce, subscription_identifiers: true, dup_on_redelivery: true, ..settings() }
}

/// Turns random bytes into what a client might send: packets, some of them damaged, and noise.
fn client_bytes(script: &[u8]) -> BytesMut {
    let version =
        if script.first().is_some_and(|byte| byte & 1 == 1) { ProtocolVersion::V5 } else { ProtocolVersion::V311 };
    let mut out = BytesMut::new();
    let mut rest = script;
    let mut next = || match rest.split_first() {
        Some((&byte, after)) => {
            rest = after;
            byte
        }
        None => 0,
    };
    let steps = script.len().min(60);
    for step in 0..steps {
        let (choice, small) = (next(), next());
        let number = u16::from(small % 5) + 1;
        let topic = ["a", "a/b", "secret", "busy", "1/2/3/4/5/6/7/8/9"][usize::from(small % 5)];
        let from = out.len();
        let packet = match (step, choice % 16) {
            (0, 0..14) => connect(version, if choice & 16 == 0 { "pump" } else { "" }),
            (_, 0 | 1) => publish(topic, &[small; 20], Some(number)),
            (_, 2) => publish_twice(topic, &[small; 20], number),
            (_, 3) if choice & 32 != 0 => pubrec(number, ReasonCode::Success),
            (_, 3) if choice & 64 != 0 => pubcomp(number),
            (_, 3) => pubrel(number),
            (_, 4) => publish(topic, &[small; 90], None),
            (_, 5) => puback(number),
            (_, 6) => subscribe(number, &[(topic, QoS::AtLeastOnce), ("+/#", QoS::ExactlyOnce)]),
            (_, 7) => subscribe(number, &[("$share/g/a", QoS::AtMostOnce)]),
            (_, 8) => unsubscribe(number, &[topic]),
            (_, 9) => {
                let mut publish = bare_publish(if choice & 16 == 0 { topic } else { "a" }, b"", None);
                let topic_alias = std::num::NonZeroU16::new(number * 2);
                let properties = PublishProperties { topic_alias, ..PublishProperties::default() };
                publish.properties = Some(Box::new(properties));
                if choice & 32 != 0 && version == ProtocolVersion::V5 {
                    publish.topic = Utf8String::default();
                }
                Packet::Publish(publish)
            }
            (_, 10) if choice & 16 == 0 => disconnect(),
            (_, 11) if choice & 16 == 0 => connect(version, "again"),
            _ => Packet::PingReq,
        };
        encode(&packet, version, &mut out);
        if choice >= 0xF8 {
            let at = from + usize::from(next()) % (out.len() - from);
            out[at] ^= small;
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Feeds `input` in chunks and answers as a shell would whose journal is slow; what came out, and what was written.
fn session(
    now: Instant,
    settings: &Arc<Settings>,
    input: &[u8],
    mut chunk: impl FnMut() -> usize,
) -> (Vec<String>, Vec<u8>) {
    let mut gate = Connection::new(now, settings.clone());
    let (mut outputs, mut written) = (Vec::new(), Vec::new());
    let mut sequence = 0;
    let mut rest = input;
    while !rest.is_empty() {
        let (now_sent, later) = rest.split_at(chunk().clamp(1, rest.len()));
        rest = later;
        gate.handle_bytes(now, &mut BytesMut::from(now_sent));
        answer(now, &mut gate, &mut sequence, &mut outputs, &mut written);
        gate.release_buffers();
    }
    loop {
        let before = (outputs.len(), written.len());
        gate.handle_persisted(Sequence(sequence));
        answer(now, &mut gate, &mut sequence, &mut outputs, &mut written);
        if before == (outputs.len(), written.len()) {
            break;
        }
    }
    gate.release_buffers();
    gate.handle_end_of_stream();
    outputs.extend(std::iter::from_fn(|| gate.poll_output()).map(|output| format!("{output:?}")));
    assert!(gate.is_closed() && gate.poll_timeout().is_none() && !gate.takes_input());
    assert_eq!(outputs.iter().filter(|output| output.starts_with("Close")).count(), 1, "{outputs:?}");
    (outputs, written)
}

fn answer(now: Instant, gate: &mut Connection, sequence: &mut u64, outputs: &mut Vec<String>, written: &mut Vec<u8>) {
    loop {
        let output = gate.poll_output();
        let outgoing = std::mem::take(gate.outgoing(now));
        written.extend_from_slice(&outgoing);
        let Some(output) = output else {
            if outgoing.is_empty() {
                return;
            }
            continue;
        };
        outputs.push(format!("{output:?}"));
        match output {
            Output::Connect(request) => {
                let is_stored = request.session_expiry_s > 0;
                gate.accept(now, Accepted { is_stored, taken: vec![id(1)], ..Accepted::default() }, Sequence(0));
                if is_stored {
                    gate.release(id(2), Sequence(0));
                    let delivery = Delivery::new(now, &text("stored"), b"waits", None, false);
                    let _ = gate.deliver_stored(now, &delivery, (id(3), QoS::ExactlyOnce, true));
                }
            }
            Output::Publish(publish) => match (&*publish.topic, publish.packet_identifier) {
                ("secret", packet_identifier) => gate.publish_refused(packet_identifier, Refusal::NotAuthorized),
                ("busy", packet_identifier) => gate.publish_refused(packet_identifier, Refusal::QuotaExceeded),
                (_, packet_identifier) => {
                    let delivery = Delivery::new(now, &publish.topic, &publish.payload, None, false);
                    let _ = gate.deliver(now, &Arc::new(delivery), publish.qos);
                    if let Some(packet_identifier) = packet_identifier {
                        *sequence += 1;
                        gate.publish_accepted(packet_identifier, Sequence(*sequence));
                    }
                }
            },
            Output::Subscribe(request) => {
                let granted = request.subscriptions.iter().map(|s| Ok(s.qos)).collect();
                gate.subscribed(request.packet_identifier, granted, Sequence(0));
            }
            Output::Unsubscribe(request) => {
                gate.unsubscribed(request.packet_identifier, vec![Ok(true); request.topic_filters.len()], Sequence(0));
            }
            Output::Received(packet_identifier) => gate.release(packet_identifier, Sequence(0)),
            Output::Released(packet_identifier) => gate.complete(packet_identifier, Sequence(0)),
            Output::Acknowledged(_) | Output::Close(_) => {}
        }
    }
}

fn check_session(input: &[u8], chunks: &[u8]) {
    #[allow(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; which one is all the same"
    )]
    let now = Instant::now();
    for settings in [settings(), standard_settings()].map(Arc::new) {
        let whole = session(now, &settings, input, || usize::MAX);
        assert_eq!(session(now, &settings, input, || 1), whole, "a byte at a time");
        let mut chunks = chunks.iter().copied().cycle();
        let cut = session(now, &settings, input, || usize::from(chunks.next().unwrap_or(7)));
        assert_eq!(cut, whole, "in random chunks");
    }
}

#[test]
fn scripted_sessions() {
    bolero::check!().for_each(|script: &[u8]| check_session(&client_bytes(script), script));
}

#[test]
fn random_bytes() {
    bolero::check!().for_each(|input: &[u8]| check_session(input, input));
}
