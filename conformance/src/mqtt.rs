//! A client of one connection that says exactly what a test tells it to, and hands over packet by packet what it hears.
use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::{Bytes, BytesMut};
use sekisho_mqtt::{
    ConnAck, Connect, ConnectProperties, Disconnect, Packet, PacketIdentifier, ProtocolVersion, PubAck, PubComp,
    PubRec, PubRel, Publish, ReasonCode, RetainHandling, SubAck, Subscribe, Subscription, UnsubAck, Unsubscribe,
    Utf8String, decode, encode,
};
use sekisho_types::{QoS, TopicFilter};

use crate::PATIENCE;

/// A connection.
pub struct Client {
    stream: TcpStream,
    version: ProtocolVersion,
    input: BytesMut,
    next: u16,
}

/// As text.
pub fn text(text: &str) -> Utf8String {
    Utf8String::copied(text).expect("UTF-8 without NUL")
}

/// A message's payload as text.
pub fn payload(publish: &Publish) -> &str {
    std::str::from_utf8(&publish.payload).expect("text")
}

/// As identifier.
pub fn id(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).expect("not 0")
}

/// A CONNECT that begins anew and asks for nothing.
pub fn connect(version: ProtocolVersion, client_id: &str) -> Connect {
    Connect {
        protocol_version: version,
        clean_start: true,
        keep_alive_s: 0,
        client_id: text(client_id),
        will: None,
        user_name: None,
        password: None,
        properties: None,
    }
}

/// A CONNECT that goes on with the client's session, and lets it stay for ever.
pub fn resume(version: ProtocolVersion, client_id: &str) -> Connect {
    let expiry = ConnectProperties { session_expiry_interval_s: Some(u32::MAX), ..ConnectProperties::default() };
    let properties = (version == ProtocolVersion::V5).then(|| Box::new(expiry));
    Connect { clean_start: false, properties, ..connect(version, client_id) }
}

/// A PUBLISH without properties; its packet identifier, if it has one, is 1.
pub fn publish(topic: &str, payload: &str, qos: QoS) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: text(topic),
        packet_identifier: (qos > QoS::AtMostOnce).then(|| id(1)),
        properties: None,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

/// A subscription without options.
pub fn subscription(filter: &str, qos: QoS) -> Subscription {
    Subscription {
        topic_filter: TopicFilter::parse(filter).expect("a topic filter"),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::AtSubscribe,
    }
}

impl Client {
    /// Opens a connection to a port of this machine, and says nothing.
    pub fn open(port: u16, version: ProtocolVersion) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is open");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, version, input: BytesMut::new(), next: 100 }
    }

    /// Connects; whatever the answer.
    pub fn connect(port: u16, connect: Connect) -> (Self, ConnAck) {
        let mut client = Self::open(port, connect.protocol_version);
        client.send(Packet::Connect(Box::new(connect)));
        match client.hear() {
            Packet::ConnAck(connack) => (client, connack),
            other => panic!("CONNACK expected: {other:?}"),
        }
    }

    /// Connects, and is let in; answers whether there was a session.
    pub fn connected(port: u16, connect: Connect) -> (Self, bool) {
        let (client, connack) = Self::connect(port, connect);
        assert_eq!(connack.reason_code, ReasonCode::Success);
        (client, connack.session_present)
    }

    /// Says a packet.
    pub fn send(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        encode(&packet, self.version, &mut bytes);
        self.send_bytes(&bytes);
    }

    /// Says whatever.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the server reads");
    }

    /// The next packet, which must come.
    pub fn hear(&mut self) -> Packet {
        self.hear_or_end().expect("the connection goes on")
    }

    /// The next packet; `None` at the connection's end.
    pub fn hear_or_end(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = decode(&mut self.input, self.version, u32::MAX).expect("well-formed packets") {
                return Some(packet);
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(read) => self.input.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came: {error}"),
            }
        }
    }

    /// The next packet is a message; it is acknowledged at QoS 1.
    pub fn message(&mut self) -> Publish {
        match self.hear() {
            Packet::Publish(publish) => {
                if let (QoS::AtLeastOnce, Some(packet_identifier)) = (publish.qos, publish.packet_identifier) {
                    self.send(Packet::PubAck(PubAck::new(packet_identifier, ReasonCode::Success)));
                }
                publish
            }
            other => panic!("PUBLISH expected: {other:?}"),
        }
    }

    /// The next packets are a message of QoS 2, and what follows it until it is this client's alone.
    pub fn message_twice(&mut self) -> Publish {
        let publish = self.message();
        let packet_identifier = publish.packet_identifier.expect("QoS 2");
        self.send(Packet::PubRec(PubRec::new(packet_identifier, ReasonCode::Success)));
        assert_eq!(self.hear(), Packet::PubRel(PubRel::new(packet_identifier, ReasonCode::Success)));
        self.send(Packet::PubComp(PubComp::new(packet_identifier, ReasonCode::Success)));
        publish
    }

    /// Nothing waits: what comes next is the answer to a ping.
    pub fn hears_nothing(&mut self) {
        self.send(Packet::PingReq);
        assert_eq!(self.hear(), Packet::PingResp);
    }

    /// Subscribes; the reason codes.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>) -> Vec<ReasonCode> {
        self.subscribe_with(Subscribe { packet_identifier: id(1), subscriptions, properties: None })
    }

    /// The same with properties. Messages that come before the answer are out of place.
    pub fn subscribe_with(&mut self, subscribe: Subscribe) -> Vec<ReasonCode> {
        let packet_identifier = self.identifier();
        self.send(Packet::Subscribe(Subscribe { packet_identifier, ..subscribe }));
        match self.hear() {
            Packet::SubAck(SubAck { packet_identifier: answered, reason_codes, .. }) => {
                assert_eq!(answered, packet_identifier, "[MQTT-3.8.4-2]");
                reason_codes
            }
            other => panic!("SUBACK expected: {other:?}"),
        }
    }

    /// Unsubscribes; the reason codes.
    pub fn unsubscribe(&mut self, filters: &[&str]) -> Vec<ReasonCode> {
        let packet_identifier = self.identifier();
        let topic_filters = filters.iter().map(|filter| TopicFilter::parse(filter).expect("a topic filter")).collect();
        self.send(Packet::Unsubscribe(Unsubscribe { packet_identifier, topic_filters, properties: None }));
        match self.hear() {
            Packet::UnsubAck(UnsubAck { packet_identifier: answered, reason_codes, .. }) => {
                assert_eq!(answered, packet_identifier, "[MQTT-3.10.4-4]");
                reason_codes
            }
            other => panic!("UNSUBACK expected: {other:?}"),
        }
    }

    /// Publishes; the reason code of the first answer, and at QoS 2 the rest of the exchange.
    pub fn publish(&mut self, publish: Publish) -> ReasonCode {
        let (qos, packet_identifier) = (publish.qos, self.identifier());
        let packet_identifier = (qos > QoS::AtMostOnce).then_some(packet_identifier);
        self.send(Packet::Publish(Publish { packet_identifier, ..publish }));
        let Some(sent) = packet_identifier else { return ReasonCode::Success };
        match (qos, self.hear()) {
            (QoS::AtLeastOnce, Packet::PubAck(PubAck { packet_identifier, reason_code, .. })) => {
                assert_eq!(packet_identifier, sent);
                reason_code
            }
            (QoS::ExactlyOnce, Packet::PubRec(PubRec { packet_identifier, reason_code, .. })) => {
                assert_eq!(packet_identifier, sent);
                if !reason_code.is_error() {
                    self.send(Packet::PubRel(PubRel::new(sent, ReasonCode::Success)));
                    assert_eq!(self.hear(), Packet::PubComp(PubComp::new(sent, ReasonCode::Success)));
                }
                reason_code
            }
            (_, other) => panic!("an acknowledgement expected: {other:?}"),
        }
    }

    /// Says goodbye, and waits until the server has taken note.
    pub fn leave(mut self) {
        self.send(Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: None }));
        while self.hear_or_end().is_some() {} // what was on its way
    }

    /// Ends it without a word.
    pub fn lose(self) {
        drop(self.stream);
    }

    fn identifier(&mut self) -> PacketIdentifier {
        self.next += 1;
        id(self.next)
    }
}
