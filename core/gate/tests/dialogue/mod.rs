//! A client, a gate and a shell in one thread, and a transcript of what they say.
//!
//! `->` is from the client, `<-` to it, and `--` what the gate hands to the shell.
#![allow(dead_code, reason = "each test binary uses its own part")]
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use expect_test::Expect;
use sekisho_gate::{Accepted, Connection, Delivery, Handed, Output, Sequence, Settings};
use sekisho_mqtt::*;
use sekisho_types::TopicFilter;

/// One connection and its transcript.
pub struct Dialogue {
    pub gate: Connection,
    pub now: Instant,
    pub transcript: String,
    version: ProtocolVersion,
}

impl Dialogue {
    /// A transport that is up.
    pub fn new(version: ProtocolVersion, settings: Settings) -> Self {
        #[allow(
            clippy::disallowed_methods,
            reason = "an Instant can only be had from the clock; which one is all the same"
        )]
        let now = Instant::now();
        Self { gate: Connection::new(now, Arc::new(settings)), now, transcript: String::new(), version }
    }

    /// A client that has been accepted; the transcript starts after that.
    pub fn connected(version: ProtocolVersion, settings: Settings) -> Self {
        let mut dialogue = Self::new(version, settings);
        dialogue.send(connect(version, "pump-7"));
        dialogue.accept();
        dialogue.transcript.clear();
        dialogue
    }

    /// The client sends one packet.
    pub fn send(&mut self, packet: Packet) {
        let _ = writeln!(self.transcript, "-> {}", describe(&packet));
        let mut bytes = BytesMut::new();
        encode(&packet, self.version, &mut bytes);
        self.gate.handle_bytes(self.now, &mut bytes);
        self.drain();
    }

    /// The client sends whatever.
    pub fn send_bytes(&mut self, what: &str, bytes: &[u8]) {
        let _ = writeln!(self.transcript, "-> {what}");
        self.gate.handle_bytes(self.now, &mut BytesMut::from(bytes));
        self.drain();
    }

    /// The shell accepts the connection.
    pub fn accept(&mut self) {
        self.gate.accept(self.now, Accepted::default(), Sequence(0));
        self.drain();
    }

    /// The shell accepts the connection, and has more to say.
    pub fn accept_with(&mut self, accepted: Accepted) {
        self.gate.accept(self.now, accepted, Sequence(0));
        self.drain();
    }

    /// A message of a stored session is delivered.
    pub fn deliver_stored(&mut self, payload: &[u8], sent_as: (PacketIdentifier, QoS, bool)) -> Handed {
        let delivery = Delivery::new(self.now, &text("a"), payload, None, false);
        let handed = self.gate.deliver_stored(self.now, &delivery, sent_as);
        self.drain();
        handed
    }

    /// The shell does something.
    pub fn shell(&mut self, act: impl FnOnce(&mut Connection)) {
        act(&mut self.gate);
        self.drain();
    }

    /// Time passes.
    pub fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        let _ = writeln!(self.transcript, "   {seconds} s pass");
        self.gate.handle_timeout(self.now);
        self.drain();
    }

    /// A message is delivered.
    pub fn deliver(&mut self, topic: &str, payload: &[u8], qos: QoS) -> bool {
        let delivery = Arc::new(Delivery::new(self.now, &text(topic), payload, None, false));
        let taken = self.gate.deliver(self.now, &delivery, qos);
        self.drain();
        taken
    }

    /// Compares the transcript and starts a new one.
    pub fn check(&mut self, expected: Expect) {
        expected.assert_eq(&std::mem::take(&mut self.transcript));
    }

    /// Drains outputs and bytes as a shell does.
    pub fn drain(&mut self) {
        loop {
            let output = self.gate.poll_output();
            let mut written = std::mem::take(self.gate.outgoing(self.now));
            let nothing_written = written.is_empty();
            while !written.is_empty() {
                let packet = decode(&mut written, self.version, u32::MAX).unwrap().expect("whole packets are written");
                let _ = writeln!(self.transcript, "<- {}", describe(&packet));
            }
            if let Some(output) = &output {
                let _ = writeln!(self.transcript, "-- {}", describe_output(output));
            }
            if output.is_none() && nothing_written {
                return;
            }
        }
    }
}

pub fn text(text: &str) -> Utf8String {
    Utf8String::copied(text).unwrap()
}

pub fn id(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).unwrap()
}

pub fn connect(protocol_version: ProtocolVersion, client_id: &str) -> Packet {
    Packet::Connect(Box::new(bare_connect(protocol_version, client_id)))
}

pub fn bare_connect(protocol_version: ProtocolVersion, client_id: &str) -> Connect {
    Connect {
        protocol_version,
        clean_start: true,
        keep_alive_s: 60,
        client_id: text(client_id),
        will: None,
        user_name: None,
        password: None,
        properties: None,
    }
}

pub fn publish(topic: &str, payload: &[u8], packet_identifier: Option<u16>) -> Packet {
    Packet::Publish(bare_publish(topic, payload, packet_identifier))
}

pub fn bare_publish(topic: &str, payload: &[u8], packet_identifier: Option<u16>) -> Publish {
    Publish {
        dup: false,
        qos: if packet_identifier.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce },
        retain: false,
        topic: text(topic),
        packet_identifier: packet_identifier.map(id),
        properties: None,
        payload: Bytes::copy_from_slice(payload),
    }
}

pub fn publish_twice(topic: &str, payload: &[u8], packet_identifier: u16) -> Packet {
    Packet::Publish(Publish { qos: QoS::ExactlyOnce, ..bare_publish(topic, payload, Some(packet_identifier)) })
}

pub fn pubrec(packet_identifier: u16, reason_code: ReasonCode) -> Packet {
    Packet::PubRec(PubRec::new(id(packet_identifier), reason_code))
}

pub fn pubrel(packet_identifier: u16) -> Packet {
    Packet::PubRel(PubRel::new(id(packet_identifier), ReasonCode::Success))
}

pub fn pubcomp(packet_identifier: u16) -> Packet {
    Packet::PubComp(PubComp::new(id(packet_identifier), ReasonCode::Success))
}

pub fn puback(packet_identifier: u16) -> Packet {
    Packet::PubAck(PubAck::new(id(packet_identifier), ReasonCode::Success))
}

pub fn subscribe(packet_identifier: u16, filters: &[(&str, QoS)]) -> Packet {
    let subscription = |&(filter, qos): &(&str, QoS)| Subscription {
        topic_filter: TopicFilter::parse(filter).unwrap(),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::AtSubscribe,
    };
    let subscriptions = filters.iter().map(subscription).collect();
    Packet::Subscribe(Subscribe { packet_identifier: id(packet_identifier), subscriptions, properties: None })
}

pub fn unsubscribe(packet_identifier: u16, filters: &[&str]) -> Packet {
    let topic_filters = filters.iter().map(|filter| TopicFilter::parse(filter).unwrap()).collect();
    Packet::Unsubscribe(Unsubscribe { packet_identifier: id(packet_identifier), topic_filters, properties: None })
}

pub fn disconnect() -> Packet {
    Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: None })
}

fn describe_output(output: &Output) -> String {
    match output {
        Output::Connect(request) => {
            let client_id = request.client_id.as_ref().map_or("(none)", |id| id.as_str());
            let mut line = format!("Connect {client_id} keep alive {} s", request.keep_alive_s);
            if request.persistent {
                let _ = write!(line, ", session for {} s", request.session_expiry_s);
            }
            if let Some(will) = &request.will {
                let _ = write!(line, ", will to {}", will.topic);
            }
            line
        }
        Output::Publish(publish) => {
            let mut line = format!("Publish {} {:?}", publish.topic, String::from_utf8_lossy(&publish.payload));
            if let Some(packet_identifier) = publish.packet_identifier {
                let _ = write!(line, " id {packet_identifier}");
            }
            line
        }
        Output::Subscribe(request) => {
            let filters: Vec<String> =
                request.subscriptions.iter().map(|s| format!("{} at {}", s.topic_filter, s.qos.number())).collect();
            format!("Subscribe id {} {}", request.packet_identifier, filters.join(", "))
        }
        Output::Unsubscribe(request) => {
            let filters: Vec<&str> = request.topic_filters.iter().map(TopicFilter::as_str).collect();
            format!("Unsubscribe id {} {}", request.packet_identifier, filters.join(", "))
        }
        Output::Acknowledged(packet_identifier) => format!("Acknowledged {packet_identifier}"),
        Output::Received(packet_identifier) => format!("Received {packet_identifier}"),
        Output::Released(packet_identifier) => format!("Released {packet_identifier}"),
        Output::Close(close) => {
            let will = if close.publish_will { ", with will" } else { "" };
            format!("Close {}{will}: {}", close.reason, close.explanation)
        }
    }
}

fn describe(packet: &Packet) -> String {
    let codes = |codes: &[ReasonCode]| codes.iter().map(|c| format!(" 0x{:02X}", c.byte())).collect::<String>();
    let name = packet.packet_type();
    match packet {
        Packet::Connect(connect) => format!("{name} {} level {}", connect.client_id, connect.protocol_version.level()),
        Packet::ConnAck(connack) => match &connack.properties {
            None => format!("{name} {}", connack.reason_code),
            Some(properties) => format!("{name} {} {properties:#?}", connack.reason_code)
                .lines()
                .filter(|line| !line.ends_with("None,") && !line.ends_with("[],"))
                .collect::<Vec<_>>()
                .join("\n"),
        },
        Packet::Publish(publish) => {
            let mut line = format!("{name} {} {:?}", publish.topic, String::from_utf8_lossy(&publish.payload));
            if let Some(packet_identifier) = publish.packet_identifier {
                let _ = write!(line, " id {packet_identifier}");
            }
            if publish.qos == QoS::ExactlyOnce {
                line.push_str(" at 2");
            }
            if publish.dup {
                line.push_str(" dup");
            }
            if publish.retain {
                line.push_str(" retain");
            }
            if let Some(seconds) = publish.properties.as_ref().and_then(|p| p.message_expiry_interval_s) {
                let _ = write!(line, " expires in {seconds} s");
            }
            line
        }
        Packet::PubAck(ack) => format!("{name} id {} {}", ack.packet_identifier, ack.reason_code),
        Packet::Subscribe(subscribe) => {
            let filters: Vec<String> =
                subscribe.subscriptions.iter().map(|s| format!("{} at {}", s.topic_filter, s.qos.number())).collect();
            format!("{name} id {} {}", subscribe.packet_identifier, filters.join(", "))
        }
        Packet::SubAck(suback) => format!("{name} id {}{}", suback.packet_identifier, codes(&suback.reason_codes)),
        Packet::Unsubscribe(unsubscribe) => format!("{name} id {}", unsubscribe.packet_identifier),
        Packet::UnsubAck(unsuback) => {
            format!("{name} id {}{}", unsuback.packet_identifier, codes(&unsuback.reason_codes))
        }
        Packet::Disconnect(disconnect) => {
            let said = disconnect.properties.as_ref().and_then(|p| p.reason_string.as_ref());
            let said = said.map(|text| format!(" {:?}", text.as_str())).unwrap_or_default();
            format!("{name} {}{said}", disconnect.reason_code)
        }
        Packet::PubRec(ack) => format!("{name} id {} {}", ack.packet_identifier, ack.reason_code),
        Packet::PubRel(ack) => format!("{name} id {} {}", ack.packet_identifier, ack.reason_code),
        Packet::PubComp(ack) => format!("{name} id {} {}", ack.packet_identifier, ack.reason_code),
        Packet::PingReq | Packet::PingResp | Packet::Auth(_) => name.to_string(),
    }
}
