//! What the client sends, packet by packet.
use std::time::Instant;

use sekisho_mqtt::{
    DecodeError, Disconnect, Packet, PacketIdentifier, PacketType, ProtocolVersion, PubAck, PubComp, PubRec, PubRel,
    QoS, ReasonCode, connect_version, decode, decode_connect,
};

use super::{Connection, State};
use crate::agreed::Agreed;
use crate::close::{CloseReason, Violation};
use crate::outbound::Receipt;
use crate::output::Output;

impl Connection {
    /// Decodes one packet and acts on it; whether it was all there.
    pub(super) fn decode_next(&mut self) -> bool {
        let packet_bytes_max = self.settings.packet_bytes_max;
        match &self.state {
            State::AwaitConnect { deadline } => {
                let deadline = *deadline;
                self.receive_connect(deadline)
            }
            State::Connected(session) => {
                match decode(&mut self.input, session.agreed.protocol_version, packet_bytes_max) {
                    Ok(None) => return false,
                    Ok(Some(packet)) => {
                        if let Err(violation) = self.receive(packet) {
                            self.end_with(CloseReason::ClientError, violation);
                        }
                    }
                    Err(error) => {
                        let violation = Violation::new(error.reason_code(), error.to_string());
                        self.end_with(CloseReason::ClientError, violation);
                    }
                }
                true
            }
            State::AwaitAccept { .. } | State::Closed => false,
        }
    }

    /// Whether CONNECT was all there.
    fn receive_connect(&mut self, deadline: Instant) -> bool {
        let version = connect_version(&self.input);
        let (version, packet_bytes_max, violation) =
            match decode_connect(&mut self.input, self.settings.packet_bytes_max) {
                Ok(None) => return false,
                Ok(Some(connect)) => {
                    let agreed = Agreed::new(&connect, &self.settings);
                    match agreed.request(*connect, &self.settings) {
                        Ok(request) => {
                            self.outputs.push_back(Output::Connect(Box::new(request)));
                            self.state = State::AwaitAccept { deadline, agreed };
                            return true;
                        }
                        Err(violation) => (Some(agreed.protocol_version), agreed.client_packet_bytes_max, violation),
                    }
                }
                Err(error) => {
                    let version = match error {
                        DecodeError::ProtocolLevel { level: 0..=3 } => Some(ProtocolVersion::V311),
                        DecodeError::ProtocolLevel { .. } => Some(ProtocolVersion::V5),
                        DecodeError::PacketTooLarge { .. } => None, // known before the version is
                        _ => version,
                    };
                    (version, usize::MAX, Violation::new(error.reason_code(), error.to_string()))
                }
            };
        let reason_code = violation.reason_code;
        let reason_code = if reason_code.fits(PacketType::ConnAck) { reason_code } else { ReasonCode::MalformedPacket };
        // MQTT3 [MQTT-3.1.2-2] and [MQTT-3.1.3-8] answer these two; everything else just closes.
        let answered_in_mqtt3 =
            matches!(reason_code, ReasonCode::UnsupportedProtocolVersion | ReasonCode::ClientIdentifierNotValid);
        if let Some(version) = version.filter(|&version| version == ProtocolVersion::V5 || answered_in_mqtt3) {
            self.write_refusal(version, packet_bytes_max, reason_code);
        }
        self.end(CloseReason::ClientError, violation.explanation, false);
        true
    }

    /// Acts on one packet after CONNECT.
    fn receive(&mut self, packet: Packet) -> Result<(), Violation> {
        let State::Connected(session) = &mut self.state else { return Ok(()) };
        session.heard_from_client(self.now);
        let version = session.agreed.protocol_version;
        match packet {
            Packet::Publish(publish) => match session.publish(publish, &self.settings)? {
                Some(publish) => self.outputs.push_back(Output::Publish(publish)),
                None => session.write_acknowledgements(self.persisted, &mut self.outgoing),
            },
            Packet::PubAck(PubAck { packet_identifier, .. }) => {
                if session.outbound.acknowledged(packet_identifier) && session.is_stored {
                    self.outputs.push_back(Output::Acknowledged(packet_identifier));
                }
            }
            Packet::PubRec(_) | Packet::PubRel(_) | Packet::PubComp(_)
                if self.settings.maximum_qos < QoS::ExactlyOnce =>
            {
                return Err(unexpected("a packet of QoS 2, which is not supported"));
            }
            Packet::PubRec(PubRec { packet_identifier, reason_code, .. }) => {
                self.receive_pubrec(packet_identifier, reason_code);
            }
            Packet::PubRel(PubRel { packet_identifier, .. }) => self.receive_pubrel(packet_identifier),
            Packet::PubComp(PubComp { packet_identifier, .. }) => {
                if session.outbound.completed(packet_identifier) && session.is_stored {
                    self.outputs.push_back(Output::Acknowledged(packet_identifier));
                }
            }
            Packet::Subscribe(subscribe) => {
                let request = session.subscribe(subscribe, &self.settings)?;
                self.outputs.push_back(Output::Subscribe(request));
            }
            Packet::Unsubscribe(unsubscribe) => {
                let request = session.unsubscribe(unsubscribe, &self.settings)?;
                self.outputs.push_back(Output::Unsubscribe(request));
            }
            Packet::PingReq => self.write(version, Packet::PingResp),
            Packet::Disconnect(Disconnect { reason_code, properties }) => {
                let expiry_s = properties.and_then(|p| p.session_expiry_interval_s);
                session.agreed.session_expiry_s = session.agreed.session_expiry_after(expiry_s, &self.settings)?;
                let publish_will = reason_code != ReasonCode::Success; // [MQTT-3.14.4-3]
                let explanation = format!("the client sent DISCONNECT: {reason_code}");
                self.end(CloseReason::ClientInitiatedDisconnect, explanation, publish_will);
            }
            Packet::Connect(_) => return Err(unexpected("a second CONNECT [MQTT-3.1.0-2]")),
            Packet::Auth(_) => return Err(unexpected("AUTH without an authentication method [MQTT-4.12.0-6]")),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                return Err(unexpected("a packet only a server sends (MQTT5 §2.1.2)"));
            }
        }
        Ok(())
    }

    /// The client has a message of QoS 2, or does not want it.
    fn receive_pubrec(&mut self, packet_identifier: PacketIdentifier, reason_code: ReasonCode) {
        let State::Connected(session) = &mut self.state else { return };
        let (version, is_stored) = (session.agreed.protocol_version, session.is_stored);
        match session.outbound.received(packet_identifier, reason_code.is_error()) {
            Receipt::New if is_stored => self.outputs.push_back(Output::Received(packet_identifier)),
            Receipt::New | Receipt::Again => self.say_release(packet_identifier),
            Receipt::Refused if is_stored => self.outputs.push_back(Output::Acknowledged(packet_identifier)),
            Receipt::Refused => {}
            // [MQTT-4.3.3-8]; a v3 client has nothing else to go on with.
            Receipt::Unknown if reason_code.is_error() => {}
            Receipt::Unknown => {
                let pubrel = PubRel::new(packet_identifier, ReasonCode::PacketIdentifierNotFound);
                self.write(version, Packet::PubRel(pubrel));
            }
        }
    }

    /// The client lets go of the identifier of a message of QoS 2.
    fn receive_pubrel(&mut self, packet_identifier: PacketIdentifier) {
        let State::Connected(session) = &mut self.state else { return };
        let version = session.agreed.protocol_version;
        if !session.inbound.is_taken(packet_identifier) {
            let pubcomp = PubComp::new(packet_identifier, ReasonCode::PacketIdentifierNotFound);
            self.write(version, Packet::PubComp(pubcomp));
        } else if session.is_stored {
            self.outputs.push_back(Output::Released(packet_identifier));
        } else {
            self.say_complete(packet_identifier);
        }
    }
}

fn unexpected(what: &'static str) -> Violation {
    Violation::new(ReasonCode::ProtocolError, what)
}
