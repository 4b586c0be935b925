//! The state machine of one connection.
mod receive; // what the client sends
mod told; // what it is told once that is durable

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use sekisho_mqtt::{
    ConnAck, Disconnect, DisconnectProperties, Packet, PacketIdentifier, PacketType, ProtocolVersion, QoS, ReasonCode,
    Utf8String, encode, encoded_len,
};

use crate::agreed::Agreed;
use crate::close::{Close, CloseReason, Refusal, Violation};
use crate::delivery::Delivery;
use crate::inbound::Answer;
use crate::outbound::Handed;
use crate::output::{Output, Sequence};
use crate::rate::Rate;
use crate::session::Session;
use crate::settings::Settings;
use told::Told;

/// A CONNACK of MQTT5 without properties.
const CONNACK_BYTES: usize = 5;
/// A rest of so many bytes is copied, so that it does not keep, and hide, the buffer of what went before it.
const REST_BYTES: usize = 16 * 1024;

/// One MQTT connection, seen from the server.
#[derive(Debug)]
pub struct Connection {
    settings: Arc<Settings>,
    state: State,
    /// The latest time anybody told us.
    now: Instant,
    /// Received and not decoded yet.
    input: BytesMut,
    /// When the connection has to end whatever happens, and why.
    end_at: Option<(Instant, CloseReason)>,
    /// Everything up to here is durable.
    persisted: Sequence,
    /// Answers that wait for more to be, in order.
    untold: VecDeque<(Sequence, Told)>,
    /// At most one packet's output and `Close`.
    outputs: VecDeque<Output>,
    outgoing: BytesMut,
    /// `outgoing` is a rest that was copied, and what came behind it.
    outgoing_is_rest: bool,
    received_bytes: Rate,
}

#[derive(Debug)]
enum State {
    /// Nothing decoded yet. Left by CONNECT or by `deadline`.
    AwaitConnect { deadline: Instant },
    /// CONNECT is handed on; nothing more is read. Left by `accept`, `refuse` or `deadline`.
    AwaitAccept { deadline: Instant, agreed: Agreed },
    /// CONNACK is written. Left by DISCONNECT, silence, the shell, or what MQTT forbids.
    Connected(Box<Session>),
    /// `Output::Close` is handed on. Terminal.
    Closed,
}

impl Connection {
    /// A connection whose transport is up and whose peer has proven who it is.
    pub fn new(now: Instant, settings: Arc<Settings>) -> Self {
        let deadline = now + Duration::from_secs(settings.connect_deadline_s.into());
        Self {
            settings,
            state: State::AwaitConnect { deadline },
            now,
            input: BytesMut::new(),
            end_at: None,
            persisted: Sequence(0),
            untold: VecDeque::new(),
            outputs: VecDeque::new(),
            outgoing: BytesMut::new(),
            outgoing_is_rest: false,
            received_bytes: Rate::default(),
        }
    }

    /// The connection ends at that time, whatever its client does: what it came with is good for so long.
    pub fn end_at(&mut self, at: Instant, reason: CloseReason) {
        self.end_at = Some((at, reason));
    }

    /// Takes all of `input` over; `poll_output` decodes it. Leaves an empty buffer behind, to read into again.
    pub fn handle_bytes(&mut self, now: Instant, input: &mut BytesMut) {
        self.now = now;
        self.received_bytes.owe(
            now,
            u32::try_from(input.len()).unwrap_or(u32::MAX),
            self.settings.received_bytes_per_s,
        );
        if self.is_closed() {
            input.clear();
        } else if self.input.is_empty() {
            std::mem::swap(&mut self.input, input);
        } else {
            self.input.extend_from_slice(input);
            input.clear();
        }
    }

    /// Whether more bytes are wanted. `false` while CONNECT is being decided, while a v3 client has
    /// `receive_maximum` messages unacknowledged, while `untold_max` answers wait for the disk, while `outgoing_bytes_max` are
    /// unwritten, while it is over its rate of bytes, and after the end: do not read from the socket then, or what it sends gathers here without bound.
    pub fn takes_input(&self) -> bool {
        match &self.state {
            State::AwaitConnect { .. } => true,
            State::AwaitAccept { .. } | State::Closed => false,
            State::Connected(session) => {
                self.outgoing.len() < self.settings.outgoing_bytes_max && !self.waits_for_us(session)
            }
        }
    }

    /// Whether the client cannot be read from because of something it is owed.
    fn waits_for_us(&self, session: &Session) -> bool {
        self.untold.len() >= self.settings.untold_max
            || session.is_held_back(&self.settings)
            || !self.throughput_wait().is_zero()
    }

    /// How long the client is not read from because it sent so much.
    fn throughput_wait(&self) -> Duration {
        self.received_bytes.wait(self.now, 0, self.settings.received_bytes_per_s)
    }

    /// Whether CONNACK has let the client in, and the connection goes on.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Whether `Output::Close` was handed on, or is about to be.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// The next thing to do; call until `None`.
    ///
    /// It decodes one packet after another until one has something to do, so what the client sent after a packet is not
    /// looked at before that packet is answered: a refused PUBLISH that ends the connection ends it for all behind it.
    /// Call it after everything handed in, `accept`, `handle_persisted` and a write included: each may let the client go
    /// on.
    pub fn poll_output(&mut self) -> Option<Output> {
        loop {
            let output = self.outputs.pop_front();
            if output.is_some() {
                return output;
            }
            self.pump(); // what waits for the client goes before what the client wants next
            if !self.takes_input() || !self.decode_next() {
                return None;
            }
        }
    }

    /// The client was not read from until now, for a reason of ours: its silence does not count.
    pub fn handle_not_read(&mut self, now: Instant) {
        self.now = now;
        if let State::Connected(session) = &mut self.state {
            session.heard_from_client(now);
        }
    }

    /// Bytes to write, refilled from waiting deliveries. Take off what was written and ask again until it is empty;
    /// `std::mem::take` takes all of it without a copy.
    pub fn outgoing(&mut self, now: Instant) -> &mut BytesMut {
        self.now = now;
        self.pump();
        &mut self.outgoing
    }

    /// Gives back memory nothing is in. Call it before waiting for something, so that idle connections own no buffers.
    pub fn release_buffers(&mut self) {
        if self.input.len() <= REST_BYTES {
            self.input = BytesMut::from(&self.input[..]);
        }
        // What is written comes and goes in small pieces while a client is slow: once is enough until there is more.
        let is_rest = self.outgoing.len() <= REST_BYTES;
        if is_rest && !self.outgoing_is_rest || self.outgoing.is_empty() {
            self.outgoing = BytesMut::from(&self.outgoing[..]);
        }
        self.outgoing_is_rest = is_rest && !self.outgoing.is_empty();
        if self.outputs.is_empty() {
            self.outputs = VecDeque::new();
        }
        if self.untold.is_empty() {
            self.untold = VecDeque::new();
        }
        if let State::Connected(session) = &mut self.state {
            session.inbound.release();
            session.outbound.release();
        }
    }

    /// The client may not connect: a v5 client is told, a v3 client only if `connack_on_refusal`.
    pub fn refuse(&mut self, refusal: Refusal) {
        if let State::AwaitAccept { agreed, .. } = &self.state {
            if agreed.protocol_version == ProtocolVersion::V5 || self.settings.connack_on_refusal {
                let (version, packet_bytes_max) = (agreed.protocol_version, agreed.client_packet_bytes_max);
                self.write_refusal(version, packet_bytes_max, refusal.reason_code(PacketType::ConnAck));
            }
            self.end(refusal.close_reason(), refusal.to_string(), false);
        }
    }

    /// A message above QoS 0 was taken, and its PUBACK or PUBREC waits until `sequence` is durable.
    pub fn publish_accepted(&mut self, packet_identifier: PacketIdentifier, sequence: Sequence) {
        self.answer_publish(packet_identifier, Answer::Accepted(sequence));
    }

    /// A message was not taken; `packet_identifier` as in its [`crate::IncomingPublish`].
    ///
    /// | refusal         | v3                      | v5, above QoS 0 | v5, QoS 0                |
    /// |-----------------|-------------------------|-----------------|--------------------------|
    /// | `QuotaExceeded`, `NoRoom` | above QoS 0: no PUBACK | PUBACK 0x97 | nothing           |
    /// | all others      | the connection ends     | PUBACK, stays   | DISCONNECT with its code |
    ///
    /// AWS closes a v3 connection, dropping the message (`AUTH_ERROR`); for v5 it documents both answers.
    pub fn publish_refused(&mut self, packet_identifier: Option<PacketIdentifier>, refusal: Refusal) {
        let State::Connected(session) = &self.state else { return };
        match (session.agreed.protocol_version, packet_identifier, refusal) {
            (ProtocolVersion::V5, Some(packet_identifier), _) => {
                let reason_code = refusal.reason_code(PacketType::PubAck);
                self.answer_publish(packet_identifier, Answer::Refused(reason_code));
            }
            (ProtocolVersion::V311, Some(packet_identifier), Refusal::QuotaExceeded | Refusal::NoRoom) => {
                self.answer_publish(packet_identifier, Answer::Unanswered);
            }
            (_, None, Refusal::QuotaExceeded | Refusal::NoRoom) => {}
            (ProtocolVersion::V311, _, _) | (ProtocolVersion::V5, None, _) => {
                let reason_code = refusal.reason_code(PacketType::Disconnect);
                let violation = Violation::new(reason_code, format!("PUBLISH refused: {refusal}"));
                self.end_with(refusal.close_reason(), violation);
            }
        }
    }

    /// Sends a message to the client, or lets it wait for the window and for room to write.
    ///
    /// `false`: not taken, because the connection ended or a message above QoS 0 found the waiting room full; hold the
    /// client's messages back until it has acknowledged some. A message over the client's Maximum Packet Size counts
    /// as taken and is not sent ([MQTT-3.1.2-25]).
    #[must_use]
    pub fn deliver(&mut self, now: Instant, delivery: &Arc<Delivery>, qos: QoS) -> bool {
        let State::Connected(session) = &mut self.state else { return false };
        let Session { outbound, agreed, .. } = session.as_mut();
        outbound.deliver(now, delivery, qos, agreed, &self.settings, &mut self.outgoing)
    }

    /// Sends a message of a stored session, above QoS 0, under the identifier it has there; `dup` if it may have been sent before.
    #[must_use]
    pub fn deliver_stored(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        sent_as: (PacketIdentifier, QoS, bool),
    ) -> Handed {
        let State::Connected(session) = &mut self.state else { return Handed::Later };
        let Session { outbound, agreed, .. } = session.as_mut();
        outbound.deliver_stored(now, delivery, sent_as, agreed, &self.settings, &mut self.outgoing)
    }

    /// What it takes in memory that the client sent and did not finish, or that has still to be looked at.
    pub fn undecoded_bytes(&self) -> usize {
        self.input.capacity()
    }

    /// What it takes in memory that waits for the client: what is written and not sent, and messages that wait for its window.
    pub fn unsent_bytes(&self) -> usize {
        self.outgoing.capacity() + self.waiting_bytes()
    }

    fn waiting_bytes(&self) -> usize {
        match &self.state {
            State::Connected(session) => session.outbound.waiting_bytes(),
            State::AwaitConnect { .. } | State::AwaitAccept { .. } | State::Closed => 0,
        }
    }

    /// Bytes of what the client sent and did not finish.
    pub fn unfinished_bytes(&self) -> usize {
        self.input.len()
    }

    /// Whether something is written and not sent.
    pub fn is_writing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Bytes that may be written until there are `outgoing_bytes_max`; or, where memory is short, until all that waits for the client
    /// is its `share`.
    pub fn room_to_write(&self, share: Option<usize>) -> usize {
        match share {
            None => self.settings.outgoing_bytes_max.saturating_sub(self.outgoing.len()),
            Some(share) => share.saturating_sub(self.outgoing.len() + self.waiting_bytes()),
        }
    }

    /// The client is told that it asks for more than there is.
    pub fn refuse_more(&mut self, explanation: impl Into<Cow<'static, str>>) {
        self.end_with(CloseReason::Throttled, Violation::new(ReasonCode::QuotaExceeded, explanation));
    }

    /// Deliveries that were taken and not sent: too large for the client, expired, or QoS 0 without room.
    pub fn dropped_deliveries(&self) -> u64 {
        match &self.state {
            State::Connected(session) => session.outbound.dropped(),
            State::AwaitConnect { .. } | State::AwaitAccept { .. } | State::Closed => 0,
        }
    }

    /// Ends the connection from our side: a v5 client is told why.
    pub fn disconnect(&mut self, reason: CloseReason) {
        self.end_with(reason, Violation::new(reason.reason_code(), reason.explanation()));
    }

    /// The transport ended, or failed. What was to be written is lost.
    pub fn handle_end_of_stream(&mut self) {
        self.outgoing = BytesMut::new();
        self.end(CloseReason::ConnectionLost, CloseReason::ConnectionLost.explanation(), true);
    }

    /// The transport said goodbye: for AWS, a client that closes its WebSocket has disconnected (iot dev guide: "Lifecycle events").
    pub fn handle_goodbye(&mut self) {
        self.end(CloseReason::ClientInitiatedDisconnect, "the client closed the WebSocket", false);
    }

    /// What carries MQTT was not used as it has to be.
    pub fn handle_transport_violation(&mut self, explanation: impl Into<Cow<'static, str>>) {
        self.end(CloseReason::ClientError, explanation, true);
    }

    /// When to call `handle_timeout` if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        let read_again = Some(self.throughput_wait()).filter(|wait| !wait.is_zero()).map(|wait| self.now + wait);
        [self.silence_until(), read_again, self.end_at.map(|(at, _)| at)].into_iter().flatten().min()
    }

    /// When the client has been silent for too long, or we have.
    fn silence_until(&self) -> Option<Instant> {
        match &self.state {
            State::AwaitConnect { deadline } | State::AwaitAccept { deadline, .. } => Some(*deadline),
            State::Connected(session) => session.deadline(),
            State::Closed => None,
        }
    }

    /// Time passed. Too early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        // It is we who do not read; what the client sent in time may lie in the socket.
        let waits_for_us = matches!(&self.state, State::Connected(session) if self.waits_for_us(session));
        self.now = now;
        if let Some((_, reason)) = self.end_at.filter(|(at, _)| *at <= now) {
            self.disconnect(reason);
            return;
        }
        if self.silence_until().is_none_or(|until| now < until) {
            return;
        }
        match &mut self.state {
            State::AwaitConnect { .. } => self.end(CloseReason::ClientError, "no CONNECT before the deadline", false),
            State::AwaitAccept { .. } => {
                self.end(CloseReason::ServerError, "CONNECT was not decided before the deadline", false);
            }
            State::Connected(session) if waits_for_us => session.heard_from_client(now),
            State::Connected(_) => self.disconnect(CloseReason::MqttKeepAliveTimeout),
            State::Closed => {}
        }
    }

    fn pump(&mut self) {
        if let State::Connected(session) = &mut self.state {
            session.outbound.pump(self.now, &session.agreed, &self.settings, &mut self.outgoing);
        }
    }

    fn answer_publish(&mut self, packet_identifier: PacketIdentifier, answer: Answer) {
        if let State::Connected(session) = &mut self.state {
            session.inbound.answer(packet_identifier, answer);
            session.write_acknowledgements(self.persisted, &mut self.outgoing);
        }
    }

    fn write(&mut self, version: ProtocolVersion, packet: Packet) {
        encode(&packet, version, &mut self.outgoing);
    }

    /// Writes an acknowledgement that grows with what it acknowledges, or ends the connection of a client that takes no packet so
    /// large ([MQTT-3.1.2-24]). All others are smaller than the CONNACK it took.
    fn write_if_it_fits(&mut self, packet: Packet) {
        let State::Connected(session) = &self.state else { return };
        let (version, max) = (session.agreed.protocol_version, session.agreed.client_packet_bytes_max);
        if encoded_len(&packet, version) as usize <= max {
            self.write(version, packet);
        } else {
            let explanation = format!("an acknowledgement would be over the client's Maximum Packet Size, {max}");
            self.end_with(CloseReason::ClientError, Violation::new(ReasonCode::PacketTooLarge, explanation));
        }
    }

    /// A CONNACK that refuses, if the client takes packets so large ([MQTT-3.1.2-24]).
    fn write_refusal(&mut self, version: ProtocolVersion, packet_bytes_max: usize, reason_code: ReasonCode) {
        if packet_bytes_max >= CONNACK_BYTES {
            self.write(version, Packet::ConnAck(ConnAck { session_present: false, reason_code, properties: None }));
        }
    }

    /// Ends the connection and tells a v5 client why, in DISCONNECT or, before that is allowed, in CONNACK.
    fn end_with(&mut self, reason: CloseReason, violation: Violation) {
        match &self.state {
            State::AwaitAccept { agreed, .. } if agreed.protocol_version == ProtocolVersion::V5 => {
                let fits = violation.reason_code.fits(PacketType::ConnAck);
                let reason_code = if fits { violation.reason_code } else { ReasonCode::UnspecifiedError };
                let packet_bytes_max = agreed.client_packet_bytes_max;
                self.write_refusal(ProtocolVersion::V5, packet_bytes_max, reason_code);
            }
            State::Connected(session) if session.agreed.protocol_version == ProtocolVersion::V5 => {
                let reason_string = violation.reason_string.and_then(|text| Utf8String::copied(text).ok());
                let properties = reason_string.map(|text| {
                    Box::new(DisconnectProperties { reason_string: Some(text), ..DisconnectProperties::default() })
                });
                let mut packet = Packet::Disconnect(Disconnect { reason_code: violation.reason_code, properties });
                if encoded_len(&packet, ProtocolVersion::V5) as usize > session.agreed.client_packet_bytes_max {
                    packet = Packet::Disconnect(Disconnect { reason_code: violation.reason_code, properties: None });
                }
                self.write(ProtocolVersion::V5, packet);
            }
            State::AwaitConnect { .. } | State::AwaitAccept { .. } | State::Connected(_) | State::Closed => {}
        }
        self.end(reason, violation.explanation, true);
    }

    /// Ends the connection. A will is published only if the client had been accepted.
    fn end(&mut self, reason: CloseReason, explanation: impl Into<Cow<'static, str>>, publish_will: bool) {
        let session_expiry_s = match &self.state {
            State::AwaitConnect { .. } | State::AwaitAccept { .. } => None,
            State::Connected(session) => Some(session.agreed.session_expiry_s),
            State::Closed => return,
        };
        self.state = State::Closed;
        (self.input, self.untold) = (BytesMut::new(), VecDeque::new());
        self.outputs.push_back(Output::Close(Close {
            reason,
            explanation: explanation.into(),
            publish_will: publish_will && session_expiry_s.is_some(),
            session_expiry_s,
        }));
    }
}
