//! An MQTT client that keeps to the specification, and checks that the server does.
use std::collections::{HashMap, HashSet, VecDeque};

use bytes::{Bytes, BytesMut};
use sekisho_mqtt::{
    Connect, ConnectProperties, Disconnect, Packet, PacketIdentifier, ProtocolVersion, PubAck, PubComp, PubRec, PubRel,
    Publish, QoS, ReasonCode, RetainHandling, Subscribe, Subscription, Utf8String, decode, encode,
};
use sekisho_types::TopicFilter;

/// Messages a publisher leaves unacknowledged at most.
const WINDOW: usize = 10;
/// Seconds.
const KEEP_ALIVE_S: u16 = 60;

/// A message on its way from a publisher.
struct Outgoing {
    publish: Publish,
    /// PUBREC has come.
    released: bool,
}

/// What a subscriber has heard last on a topic.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    number: u64,
}

/// A client.
pub struct Client {
    name: String,
    version: ProtocolVersion,
    /// Its session outlives its connections.
    persistent: bool,
    subscribes: bool,
    input: BytesMut,
    /// To be written.
    pub output: Vec<u8>,
    is_connected: bool,
    /// CONNACK has come once, so that a session is there.
    had_session: bool,
    next: PacketIdentifier,
    numbers: HashMap<String, u64>,
    outgoing: VecDeque<Outgoing>,
    is_subscribed: bool,
    heard: HashMap<String, Heard>,
    received: HashSet<PacketIdentifier>,
    /// Messages heard, those heard twice among them.
    pub messages: u64,
    /// Those heard twice.
    pub twice: u64,
}

impl Client {
    /// One that has never been connected.
    pub fn new(name: &str, version: ProtocolVersion, persistent: bool, subscribes: bool) -> Self {
        Self {
            name: name.to_owned(),
            version,
            persistent,
            subscribes,
            input: BytesMut::new(),
            output: Vec::new(),
            is_connected: false,
            had_session: false,
            next: PacketIdentifier::FIRST,
            numbers: HashMap::new(),
            outgoing: VecDeque::new(),
            is_subscribed: false,
            heard: HashMap::new(),
            received: HashSet::new(),
            messages: 0,
            twice: 0,
        }
    }

    /// Whether CONNACK has come on this connection.
    pub fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Whether it subscribes, and SUBACK has come.
    pub fn is_ready(&self) -> bool {
        !self.subscribes || self.is_subscribed || !self.persistent
    }

    /// Whether it publishes.
    pub fn publishes(&self) -> bool {
        !self.subscribes
    }

    /// A new connection: CONNECT.
    pub fn begin(&mut self) {
        (self.input, self.output, self.is_connected) = (BytesMut::new(), Vec::new(), false);
        if !self.persistent {
            (self.is_subscribed, self.received) = (false, HashSet::new());
        }
        let session_expiry_interval_s = self.persistent.then_some(u32::MAX);
        let properties = ConnectProperties { session_expiry_interval_s, ..ConnectProperties::default() };
        let connect = Connect {
            protocol_version: self.version,
            clean_start: !self.persistent,
            keep_alive_s: KEEP_ALIVE_S,
            client_id: text(&self.name),
            will: None,
            user_name: None,
            password: None,
            properties: (self.version == ProtocolVersion::V5).then(|| Box::new(properties)),
        };
        self.say(&Packet::Connect(Box::new(connect)));
    }

    /// Publishes one more, if it may.
    pub fn publish(&mut self, topic: u64) {
        if !self.is_connected || self.outgoing.len() >= WINDOW {
            return;
        }
        let qos = if topic.is_multiple_of(2) { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
        let topic = format!("t/{}/{topic}", self.name);
        let number = self.numbers.entry(topic.clone()).or_default();
        *number += 1;
        let payload = Bytes::from(number.to_string().into_bytes());
        let packet_identifier = Some(self.identifier());
        let topic = text(&topic);
        let publish = Publish { dup: false, qos, retain: false, topic, packet_identifier, properties: None, payload };
        self.say(&Packet::Publish(publish.clone()));
        self.outgoing.push_back(Outgoing { publish, released: false });
    }

    /// PINGREQ.
    pub fn ping(&mut self) {
        if self.is_connected {
            self.say(&Packet::PingReq);
        }
    }

    /// DISCONNECT; the session stays.
    pub fn leave(&mut self) {
        if self.is_connected {
            self.say(&Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: None }));
        }
        self.is_connected = false;
    }

    /// Bytes came; whether the connection goes on. `crashed`: since the server's last start, nobody promises that a message of QoS 2
    /// that was on its way then comes once.
    pub fn handle_bytes(&mut self, bytes: &[u8], crashed: bool) -> bool {
        self.input.extend_from_slice(bytes);
        while let Some(packet) =
            decode(&mut self.input, self.version, u32::MAX).expect("the server writes whole packets")
        {
            if !self.handle(packet, crashed) {
                return false;
            }
        }
        true
    }

    fn handle(&mut self, packet: Packet, crashed: bool) -> bool {
        match packet {
            Packet::ConnAck(connack) => {
                assert_eq!(connack.reason_code, ReasonCode::Success);
                if self.persistent {
                    assert!(connack.session_present || !self.had_session, "the session of `{}` is lost", self.name);
                } else {
                    assert!(!connack.session_present, "[MQTT-3.2.2-2]");
                }
                (self.is_connected, self.had_session) = (true, true);
                self.resume();
            }
            Packet::SubAck(suback) => {
                assert!(suback.reason_codes.iter().all(|reason_code| !reason_code.is_error()));
                self.is_subscribed = true;
            }
            Packet::Publish(publish) => self.hear(&publish, crashed),
            Packet::PubAck(PubAck { packet_identifier, .. }) => self.acknowledged(packet_identifier, QoS::AtLeastOnce),
            Packet::PubComp(PubComp { packet_identifier, .. }) => {
                self.acknowledged(packet_identifier, QoS::ExactlyOnce);
            }
            Packet::PubRec(PubRec { packet_identifier, .. }) => {
                let sent = self.outgoing.iter_mut().find(|o| o.publish.packet_identifier == Some(packet_identifier));
                if let Some(outgoing) = sent {
                    outgoing.released = true;
                }
                self.say(&Packet::PubRel(PubRel::new(packet_identifier, ReasonCode::Success)));
            }
            Packet::PubRel(PubRel { packet_identifier, .. }) => {
                self.received.remove(&packet_identifier);
                self.say(&Packet::PubComp(PubComp::new(packet_identifier, ReasonCode::Success)));
            }
            Packet::PingResp => {}
            Packet::Disconnect(_) => {
                self.is_connected = false;
                return false;
            }
            other => panic!("`{}` has no use for {other:?}", self.name),
        }
        true
    }

    /// What was on its way is sent again, in order ([MQTT-4.4.0-1], [MQTT-4.6.0-1]).
    fn resume(&mut self) {
        let again: Vec<Packet> = self
            .outgoing
            .iter()
            .map(|Outgoing { publish, released }| match publish.packet_identifier {
                Some(identifier) if *released => Packet::PubRel(PubRel::new(identifier, ReasonCode::Success)),
                _ => Packet::Publish(Publish { dup: true, ..publish.clone() }),
            })
            .collect();
        again.iter().for_each(|packet| self.say(packet));
        if self.subscribes && !self.is_subscribed {
            let subscription = Subscription {
                topic_filter: TopicFilter::parse("t/#").expect("a filter"),
                qos: QoS::ExactlyOnce,
                no_local: false,
                retain_as_published: false,
                retain_handling: RetainHandling::AtSubscribe,
            };
            let packet_identifier = self.identifier();
            let subscriptions = vec![subscription];
            self.say(&Packet::Subscribe(Subscribe { packet_identifier, subscriptions, properties: None }));
        }
    }

    fn hear(&mut self, publish: &Publish, crashed: bool) {
        if publish.qos == QoS::ExactlyOnce {
            let identifier = publish.packet_identifier.expect("QoS 2");
            if !self.received.insert(identifier) {
                self.say(&Packet::PubRec(PubRec::new(identifier, ReasonCode::Success)));
                return;
            }
        }
        self.messages += 1;
        let number: u64 = std::str::from_utf8(&publish.payload).expect("a number").parse().expect("a number");
        let heard = self.heard.entry(publish.topic.to_string()).or_default();
        if number <= heard.number {
            self.twice += 1;
            let may = publish.qos == QoS::AtLeastOnce || crashed || !self.persistent;
            assert!(may, "`{}` heard {number} on {} again, at QoS 2", self.name, publish.topic);
        } else {
            // One's own order is kept and nothing is lost: the next is the next.
            let is_next = number == heard.number + 1 || !self.persistent;
            assert!(is_next, "`{}` heard {number} on {} after {}", self.name, publish.topic, heard.number);
            heard.number = number;
        }
        let answer = match (publish.qos, publish.packet_identifier) {
            (QoS::AtLeastOnce, Some(identifier)) => Packet::PubAck(PubAck::new(identifier, ReasonCode::Success)),
            (QoS::ExactlyOnce, Some(identifier)) => Packet::PubRec(PubRec::new(identifier, ReasonCode::Success)),
            _ => return,
        };
        self.say(&answer);
    }

    fn acknowledged(&mut self, identifier: PacketIdentifier, qos: QoS) {
        self.outgoing.retain(|o| o.publish.packet_identifier != Some(identifier) || o.publish.qos != qos);
    }

    fn identifier(&mut self) -> PacketIdentifier {
        loop {
            let identifier = self.next;
            self.next = identifier.next();
            if !self.outgoing.iter().any(|o| o.publish.packet_identifier == Some(identifier)) {
                return identifier;
            }
        }
    }

    fn say(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        encode(packet, self.version, &mut bytes);
        self.output.extend_from_slice(&bytes);
    }

    /// Whether everything it published was acknowledged.
    pub fn is_acknowledged(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// What it has published last, by topic.
    pub fn published(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.numbers.iter()
    }

    /// What it has heard last on a topic.
    pub fn heard(&self, topic: &str) -> u64 {
        self.heard.get(topic).map_or(0, |heard| heard.number)
    }

    /// Whether it is to hear everything.
    pub fn hears_all(&self) -> bool {
        self.subscribes && self.persistent
    }
}

fn text(text: &str) -> Utf8String {
    Utf8String::copied(text).expect("UTF-8 without NUL")
}
