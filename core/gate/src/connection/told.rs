//! What the client is told of what is stored, as soon as that is durable.
use std::time::Instant;

use sekisho_mqtt::{
    ConnAck, Packet, PacketIdentifier, PacketType, ProtocolVersion, PubComp, PubRel, QoS, ReasonCode, SubAck, UnsubAck,
    encoded_len,
};

use super::{Connection, State};
use crate::close::{CloseReason, Refusal, Violation};
use crate::output::{Accepted, Sequence};
use crate::session::Session;

/// An answer that has a place in the journal to wait for. PUBACK and PUBREC are the session's.
#[derive(Debug)]
pub(super) enum Told {
    Accepted(Accepted),
    Subscribed(PacketIdentifier, Vec<Result<QoS, Refusal>>),
    Unsubscribed(PacketIdentifier, Vec<Result<bool, Refusal>>),
    Release(PacketIdentifier),
    Complete(PacketIdentifier),
}

impl Connection {
    /// The client may connect: CONNACK. Nothing happens if the connection ended meanwhile.
    pub fn accept(&mut self, now: Instant, accepted: Accepted, owed: Sequence) {
        self.now = now;
        self.tell(owed, Told::Accepted(accepted));
    }

    /// SUBSCRIBE was decided, one outcome for each subscription of the request, in its order: SUBACK.
    pub fn subscribed(
        &mut self,
        packet_identifier: PacketIdentifier,
        outcomes: Vec<Result<QoS, Refusal>>,
        owed: Sequence,
    ) {
        self.tell(owed, Told::Subscribed(packet_identifier, outcomes));
    }

    /// UNSUBSCRIBE was done, one outcome for each filter of the request, in its order, and whether there was one: UNSUBACK.
    pub fn unsubscribed(
        &mut self,
        packet_identifier: PacketIdentifier,
        outcomes: Vec<Result<bool, Refusal>>,
        owed: Sequence,
    ) {
        self.tell(owed, Told::Unsubscribed(packet_identifier, outcomes));
    }

    /// PUBREL: it is noted that the client has that message of QoS 2, now or by an earlier connection.
    pub fn release(&mut self, packet_identifier: PacketIdentifier, owed: Sequence) {
        self.tell(owed, Told::Release(packet_identifier));
    }

    /// PUBCOMP: it is noted that the client lets go of the identifier of a message of its own.
    pub fn complete(&mut self, packet_identifier: PacketIdentifier, owed: Sequence) {
        self.tell(owed, Told::Complete(packet_identifier));
    }

    /// Everything up to `upto` is durable: writes the answers whose turn has come.
    pub fn handle_persisted(&mut self, upto: Sequence) {
        self.persisted = self.persisted.max(upto);
        if let State::Connected(session) = &mut self.state {
            session.write_acknowledgements(self.persisted, &mut self.outgoing);
        }
        while self.untold.front().is_some_and(|(owed, _)| *owed <= self.persisted) {
            let Some((_, told)) = self.untold.pop_front() else { return };
            self.say(told);
        }
    }

    /// None goes before an earlier one: what is said twice is durable when the first is.
    fn tell(&mut self, owed: Sequence, told: Told) {
        if owed <= self.persisted && self.untold.is_empty() {
            self.say(told);
        } else if !self.is_closed() {
            self.untold.push_back((owed, told));
        }
    }

    fn say(&mut self, told: Told) {
        match told {
            Told::Accepted(accepted) => self.say_accepted(accepted),
            Told::Subscribed(packet_identifier, outcomes) => self.say_subscribed(packet_identifier, outcomes),
            Told::Unsubscribed(packet_identifier, outcomes) => self.say_unsubscribed(packet_identifier, outcomes),
            Told::Release(packet_identifier) => self.say_release(packet_identifier),
            Told::Complete(packet_identifier) => self.say_complete(packet_identifier),
        }
    }

    fn say_accepted(&mut self, accepted: Accepted) {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::AwaitAccept { deadline, agreed } => {
                let version = agreed.protocol_version;
                let properties = agreed.connack_properties(&accepted, &self.settings);
                let session_present = accepted.session_present;
                let reason_code = ReasonCode::Success;
                let connack = ConnAck { session_present, reason_code, properties: Some(Box::new(properties)) };
                let connack = Packet::ConnAck(connack);
                if encoded_len(&connack, version) as usize > agreed.client_packet_bytes_max {
                    self.state = State::AwaitAccept { deadline, agreed };
                    let explanation = "the client's Maximum Packet Size has no room for CONNACK [MQTT-3.1.2-24]";
                    self.end_with(CloseReason::ClientError, Violation::new(ReasonCode::PacketTooLarge, explanation));
                    return;
                }
                self.write(version, connack);
                self.state = State::Connected(Box::new(Session::new(self.now, agreed, accepted)));
            }
            other => self.state = other,
        }
    }

    fn say_subscribed(&mut self, packet_identifier: PacketIdentifier, outcomes: Vec<Result<QoS, Refusal>>) {
        let State::Connected(session) = &mut self.state else { return };
        let answer = session.subscriptions.answer(packet_identifier, outcomes, &self.settings);
        let Some(reason_codes) = answer else { return };
        let version = session.agreed.protocol_version;
        let refused = reason_codes.iter().find(|reason_code| reason_code.is_error()).copied();
        if let (ProtocolVersion::V311, true, Some(reason_code)) =
            (version, self.settings.close_on_refused_subscribe, refused)
        {
            self.end(CloseReason::AuthError, format!("SUBSCRIBE refused: {reason_code}"), true);
            return;
        }
        self.write_if_it_fits(Packet::SubAck(SubAck { packet_identifier, reason_codes, properties: None }));
    }

    fn say_unsubscribed(&mut self, packet_identifier: PacketIdentifier, outcomes: Vec<Result<bool, Refusal>>) {
        let tells = self.settings.no_subscription_existed;
        let reason_code = |outcome: Result<bool, Refusal>| match outcome {
            Ok(false) if tells => ReasonCode::NoSubscriptionExisted,
            Ok(_) => ReasonCode::Success,
            Err(refusal) => refusal.reason_code(PacketType::UnsubAck),
        };
        let reason_codes = outcomes.into_iter().map(reason_code).collect();
        self.write_if_it_fits(Packet::UnsubAck(UnsubAck { packet_identifier, reason_codes, properties: None }));
    }

    pub(super) fn say_release(&mut self, packet_identifier: PacketIdentifier) {
        let State::Connected(session) = &mut self.state else { return };
        session.outbound.resume_released(packet_identifier);
        let version = session.agreed.protocol_version;
        self.write(version, Packet::PubRel(PubRel::new(packet_identifier, ReasonCode::Success)));
    }

    pub(super) fn say_complete(&mut self, packet_identifier: PacketIdentifier) {
        let State::Connected(session) = &mut self.state else { return };
        session.inbound.release_identifier(packet_identifier);
        let version = session.agreed.protocol_version;
        self.write(version, Packet::PubComp(PubComp::new(packet_identifier, ReasonCode::Success)));
    }
}
