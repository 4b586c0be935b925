//! A device: one MQTT connection over mutual TLS.
//!
//! Methods that wait may be cancelled (`select!`, a timeout) and called again: what was read or is still to be written
//! stays in the device.
mod endpoint; // where a server is
mod error; // what can become of a connection
mod terms; // what is asked for, granted and heard

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rustls_pki_types::ServerName;
use sekisho_mqtt::{
    Connect, Disconnect, Packet, PacketIdentifier, PacketType, ProtocolVersion, PubAck, Publish, QoS, ReasonCode,
    RetainHandling, Subscribe, Subscription, Utf8String, decode, encode,
};
use sekisho_types::{TopicFilter, TopicName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use error::DeviceError;
pub use terms::{ConnectOptions, Message, Negotiated};

use crate::DeviceTls;

/// TCP, TLS and CONNACK together take at most this long. And then: `DeviceError::Silent`.
const CONNECT_MAX: Duration = Duration::from_secs(15);
/// The largest packet taken from a server, in bytes: AWS's 128 KiB and room for what is around a payload.
const PACKET_BYTES_MAX: u32 = 256 * 1024;
/// QoS 1 messages under way at once, where the server does not say fewer: AWS's quota. And then: `DeviceError::InFlight`;
/// whoever sends takes acknowledgements first.
const IN_FLIGHT_MAX: u16 = 100;
/// Messages kept while nobody asks for them. And then: `DeviceError::Overrun`, rather than growing or dropping.
const MESSAGES_WAITING_MAX: usize = 10_000;

/// A connected device.
pub struct MqttDevice {
    stream: TlsStream<TcpStream>,
    version: ProtocolVersion,
    keep_alive: Option<Duration>,
    negotiated: Negotiated,
    input: BytesMut,
    output: BytesMut,
    last_sent: Instant,
    pinged: bool,
    next_identifier: PacketIdentifier,
    in_flight: u16,
    in_flight_max: u16,
    acknowledged: VecDeque<(PacketIdentifier, ReasonCode)>,
    messages: VecDeque<Message>,
}

impl MqttDevice {
    /// Connects to `host:port` (port 8883 if left out) and waits for CONNACK.
    ///
    /// # Errors
    /// Any [`DeviceError`]; in TLS 1.3 a server that refuses the certificate shows as an end instead of CONNACK.
    pub async fn connect(endpoint: &str, tls: &DeviceTls, options: &ConnectOptions) -> Result<Self, DeviceError> {
        let connected = tokio::time::timeout(CONNECT_MAX, Self::open(endpoint, tls, options)).await;
        connected.unwrap_or(Err(DeviceError::Silent))
    }

    async fn open(endpoint: &str, tls: &DeviceTls, options: &ConnectOptions) -> Result<Self, DeviceError> {
        let (host, port) = endpoint::split(endpoint).ok_or_else(|| DeviceError::Endpoint(endpoint.to_owned()))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| DeviceError::Endpoint(endpoint.to_owned()))?;
        let connect = |source| DeviceError::Connect { endpoint: endpoint.to_owned(), source };
        let tcp = TcpStream::connect((host, port)).await.map_err(connect)?;
        tcp.set_nodelay(true).map_err(connect)?;
        let stream = TlsConnector::from(tls.for_port(port)).connect(name, tcp).await;
        let stream = stream.map_err(|source| DeviceError::Tls { endpoint: endpoint.to_owned(), source })?;
        let mut device = Self {
            negotiated: Negotiated::of(&stream),
            stream,
            version: options.version,
            keep_alive: (options.keep_alive_s > 0).then(|| Duration::from_secs(options.keep_alive_s.into())),
            input: BytesMut::new(),
            output: BytesMut::new(),
            last_sent: Instant::now(),
            pinged: false,
            next_identifier: PacketIdentifier::FIRST,
            in_flight: 0,
            in_flight_max: IN_FLIGHT_MAX,
            acknowledged: VecDeque::new(),
            messages: VecDeque::new(),
        };
        device.introduce(options).await?;
        Ok(device)
    }

    async fn introduce(&mut self, options: &ConnectOptions) -> Result<(), DeviceError> {
        self.write(&Packet::Connect(Box::new(Connect {
            protocol_version: options.version,
            clean_start: options.clean_start,
            keep_alive_s: options.keep_alive_s,
            client_id: text(&options.client_id)?,
            will: None,
            user_name: None,
            password: None,
            properties: None,
        })));
        match self.packet().await? {
            Packet::ConnAck(answer) if answer.reason_code.is_error() => Err(DeviceError::Refused(answer.reason_code)),
            Packet::ConnAck(answer) => {
                self.negotiated.session_present = answer.session_present;
                let properties = answer.properties.unwrap_or_default();
                let server_max = properties.receive_maximum.map_or(IN_FLIGHT_MAX, u16::from);
                self.in_flight_max = server_max.min(IN_FLIGHT_MAX);
                if let Some(seconds) = properties.server_keep_alive_s {
                    self.keep_alive = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
                }
                Ok(())
            }
            other => Err(DeviceError::Unexpected(other.packet_type())),
        }
    }

    /// What was agreed on in the handshakes.
    pub const fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Publishes and, at QoS 1, waits for PUBACK.
    ///
    /// # Errors
    /// Any [`DeviceError`].
    pub async fn publish(&mut self, topic: &str, payload: impl Into<Bytes>, qos: QoS) -> Result<(), DeviceError> {
        let Some(identifier) = self.send(topic, payload, qos)? else {
            return self.flush().await;
        };
        loop {
            if let Some(at) = self.acknowledged.iter().position(|(found, _)| *found == identifier) {
                let reason = self.acknowledged.remove(at).map_or(ReasonCode::Success, |(_, reason)| reason);
                self.in_flight = self.in_flight.saturating_sub(1);
                return if reason.is_error() { Err(DeviceError::NotPublished(reason)) } else { Ok(()) };
            }
            self.receive().await?;
        }
    }

    /// Publishes without waiting for PUBACK, which [`MqttDevice::acknowledgement`] returns. The packet leaves with the
    /// next thing that waits.
    ///
    /// # Errors
    /// [`DeviceError::InFlight`] if [`MqttDevice::has_room`] said no, or the topic is none.
    pub fn send(
        &mut self,
        topic: &str,
        payload: impl Into<Bytes>,
        qos: QoS,
    ) -> Result<Option<PacketIdentifier>, DeviceError> {
        let topic = text(TopicName::parse(topic)?.as_str())?;
        let packet_identifier = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce if !self.has_room() => return Err(DeviceError::InFlight),
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                self.in_flight += 1;
                Some(self.identifier())
            }
        };
        let payload = payload.into();
        self.write(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain: false,
            topic,
            packet_identifier,
            properties: None,
            payload,
        }));
        Ok(packet_identifier)
    }

    /// Whether one more QoS 1 message may be sent before an acknowledgement is taken.
    pub const fn has_room(&self) -> bool {
        self.in_flight < self.in_flight_max
    }

    /// The next PUBACK of a message given to [`MqttDevice::send`].
    ///
    /// # Errors
    /// Any [`DeviceError`]; [`DeviceError::NotPublished`] if the PUBACK is a refusal.
    pub async fn acknowledgement(&mut self) -> Result<PacketIdentifier, DeviceError> {
        loop {
            let Some((identifier, reason)) = self.acknowledged.pop_front() else {
                self.receive().await?;
                continue;
            };
            self.in_flight = self.in_flight.saturating_sub(1);
            return if reason.is_error() { Err(DeviceError::NotPublished(reason)) } else { Ok(identifier) };
        }
    }

    /// Takes every acknowledgement that is still to come.
    ///
    /// # Errors
    /// Any [`DeviceError`].
    pub async fn settle(&mut self) -> Result<(), DeviceError> {
        while self.in_flight > 0 {
            self.acknowledgement().await?;
        }
        self.flush().await
    }

    /// Subscribes and returns the QoS that was granted.
    ///
    /// # Errors
    /// Any [`DeviceError`].
    pub async fn subscribe(&mut self, topic_filter: &str, qos: QoS) -> Result<QoS, DeviceError> {
        let packet_identifier = self.identifier();
        let subscription = Subscription {
            topic_filter: TopicFilter::parse(topic_filter)?,
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::AtSubscribe,
        };
        self.write(&Packet::Subscribe(Subscribe {
            packet_identifier,
            subscriptions: vec![subscription],
            properties: None,
        }));
        loop {
            let answer = match self.packet().await? {
                Packet::SubAck(answer) if answer.packet_identifier == packet_identifier => answer,
                other => {
                    self.handle(other)?;
                    continue;
                }
            };
            return match answer.reason_codes.as_slice() {
                [reason] if !reason.is_error() => Ok(QoS::from_number(reason.byte()).unwrap_or(QoS::AtMostOnce)),
                [reason] => Err(DeviceError::NotSubscribed(*reason)),
                _ => Err(DeviceError::Unexpected(PacketType::SubAck)),
            };
        }
    }

    /// The next message of any subscription. Acknowledged when it is taken in.
    ///
    /// # Errors
    /// Any [`DeviceError`].
    pub async fn message(&mut self) -> Result<Message, DeviceError> {
        loop {
            match self.messages.pop_front() {
                Some(message) => {
                    self.flush().await?;
                    return Ok(message);
                }
                None => self.receive().await?,
            }
        }
    }

    /// Stays connected until the server ends it, and returns how it did.
    pub async fn end(&mut self) -> DeviceError {
        loop {
            self.messages.clear();
            if let Err(error) = self.receive().await {
                return error;
            }
        }
    }

    /// Says goodbye.
    ///
    /// # Errors
    /// [`DeviceError::Broken`] if the server did not hear it.
    pub async fn disconnect(mut self) -> Result<(), DeviceError> {
        self.write(&Packet::Disconnect(Disconnect { reason_code: ReasonCode::Success, properties: None }));
        self.flush().await?;
        self.stream.shutdown().await.map_err(DeviceError::Broken)
    }

    fn identifier(&mut self) -> PacketIdentifier {
        let identifier = self.next_identifier;
        self.next_identifier = identifier.next();
        identifier
    }

    fn write(&mut self, packet: &Packet) {
        encode(packet, self.version, &mut self.output);
    }

    /// Takes one packet in and does what it asks for.
    async fn receive(&mut self) -> Result<(), DeviceError> {
        let packet = self.packet().await?;
        self.handle(packet)
    }

    fn handle(&mut self, packet: Packet) -> Result<(), DeviceError> {
        match packet {
            Packet::Publish(publish) => {
                if self.messages.len() >= MESSAGES_WAITING_MAX {
                    return Err(DeviceError::Overrun);
                }
                if let Some(identifier) = publish.packet_identifier {
                    self.write(&Packet::PubAck(PubAck::new(identifier, ReasonCode::Success)));
                }
                self.messages.push_back(Message {
                    topic: publish.topic.as_str().to_owned(),
                    payload: publish.payload,
                    qos: publish.qos,
                    retain: publish.retain,
                });
                Ok(())
            }
            Packet::PubAck(answer) => {
                self.acknowledged.push_back((answer.packet_identifier, answer.reason_code));
                Ok(())
            }
            Packet::PingResp => {
                self.pinged = false;
                Ok(())
            }
            Packet::Disconnect(goodbye) => Err(DeviceError::Disconnected(goodbye.reason_code)),
            other => Err(DeviceError::Unexpected(other.packet_type())),
        }
    }

    /// The next packet. Everything to be written is written first; pings are sent while it is quiet.
    async fn packet(&mut self) -> Result<Packet, DeviceError> {
        loop {
            self.flush().await?;
            if let Some(packet) = decode(&mut self.input, self.version, PACKET_BYTES_MAX)? {
                return Ok(packet);
            }
            let due = self.keep_alive.map(|keep_alive| self.last_sent + keep_alive / 2);
            match until(due, self.stream.read_buf(&mut self.input)).await {
                Some(Ok(0)) => return Err(DeviceError::Closed),
                Some(Ok(_)) => {}
                // rustls: the peer closed TCP without close_notify. A server that throws somebody out does just that.
                Some(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(DeviceError::Closed),
                Some(Err(error)) => return Err(DeviceError::Broken(error)),
                None if self.pinged => return Err(DeviceError::Silent),
                None => {
                    self.pinged = true;
                    self.write(&Packet::PingReq);
                }
            }
        }
    }

    async fn flush(&mut self) -> Result<(), DeviceError> {
        if self.output.is_empty() {
            return Ok(());
        }
        while self.output.has_remaining() {
            self.stream.write_buf(&mut self.output).await.map_err(DeviceError::Broken)?;
        }
        self.last_sent = Instant::now();
        self.stream.flush().await.map_err(DeviceError::Broken)
    }
}

/// `future`, or nothing once it is `due`.
async fn until<F: Future>(due: Option<Instant>, future: F) -> Option<F::Output> {
    match due {
        Some(due) => timeout_at(due, future).await.ok(),
        None => Some(future.await),
    }
}

fn text(text: &str) -> Result<Utf8String, DeviceError> {
    Utf8String::copied(text).map_err(|_| DeviceError::Text(text.chars().take(40).collect()))
}
