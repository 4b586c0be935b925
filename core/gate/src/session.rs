//! What exists while a client is connected.
use std::time::Instant;

use bytes::BytesMut;
use sekisho_mqtt::{
    Packet, ProtocolVersion, PubAck, PubRec, Publish, PublishProperties, QoS, ReasonCode, Subscribe, Unsubscribe,
    encode,
};

use crate::agreed::Agreed;
use crate::close::Violation;
use crate::inbound::{Acknowledgement, Inbound, TopicAliases};
use crate::limits;
use crate::outbound::Outbound;
use crate::output::{Accepted, IncomingPublish, Sequence, SubscribeRequest, UnsubscribeRequest};
use crate::settings::Settings;
use crate::subscriptions::Subscriptions;

/// A connected client.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) agreed: Agreed,
    pub(crate) inbound: Inbound,
    pub(crate) outbound: Outbound,
    pub(crate) subscriptions: Subscriptions,
    /// It outlives this connection.
    pub(crate) is_stored: bool,
    topic_aliases: TopicAliases,
    last_received: Instant,
}

impl Session {
    pub(crate) fn new(now: Instant, agreed: Agreed, accepted: Accepted) -> Self {
        Self {
            agreed,
            inbound: Inbound::with_taken(accepted.taken),
            outbound: Outbound::new(),
            subscriptions: Subscriptions::resumed(accepted.subscriptions),
            is_stored: accepted.is_stored,
            topic_aliases: TopicAliases::default(),
            last_received: now,
        }
    }

    /// A whole packet came.
    pub(crate) fn heard_from_client(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// When silence becomes too long, if it does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.agreed.silence_max().map(|silence| self.last_received + silence)
    }

    /// Whether a client has to wait for PUBACKs before it is read on. A v5 client knows the limit itself; one that repeats messages of
    /// QoS 2, which have counted already, waits at twice as many. What waits for a PUBREL waits for the client, which has to be read
    /// for that.
    pub(crate) fn is_held_back(&self, settings: &Settings) -> bool {
        let times = if self.agreed.protocol_version == ProtocolVersion::V311 { 1 } else { 2 };
        self.inbound.unanswered() >= times * usize::from(settings.receive_maximum)
    }

    /// Checks a PUBLISH against everything but policy; `None` for one that was taken before.
    pub(crate) fn publish(
        &mut self,
        publish: Publish,
        settings: &Settings,
    ) -> Result<Option<IncomingPublish>, Violation> {
        let Publish { dup: _, qos, retain, mut topic, packet_identifier, mut properties, payload } = publish;
        if qos > settings.maximum_qos {
            return Err(Violation::new(ReasonCode::QoSNotSupported, "PUBLISH with QoS 2 [MQTT-3.2.2-11]"));
        }
        if payload.len() > settings.payload_bytes_max {
            let (bytes, max) = (payload.len(), settings.payload_bytes_max);
            return Err(Violation::new(ReasonCode::PacketTooLarge, format!("payload of {bytes} bytes is over {max}")));
        }
        if let Some(properties) = &mut properties {
            if !properties.subscription_identifiers.is_empty() {
                return Err(Violation::new(
                    ReasonCode::ProtocolError,
                    "PUBLISH with a subscription identifier [MQTT-3.3.4-6]",
                ));
            }
            if let Some(alias) = properties.topic_alias.take() {
                let alias = alias.get();
                if alias > settings.topic_alias_maximum {
                    let max = settings.topic_alias_maximum;
                    return Err(Violation::new(
                        ReasonCode::TopicAliasInvalid,
                        format!("topic alias {alias} is over {max} [MQTT-3.3.2-9]"),
                    ));
                }
                if !topic.bytes().is_empty() {
                    limits::topic_name(&topic, settings)?;
                    self.topic_aliases.set(alias, &topic)?;
                } else if let Some(known) = self.topic_aliases.get(alias) {
                    topic = known.clone();
                } else {
                    return Err(Violation::new(
                        ReasonCode::ProtocolError,
                        format!("topic alias {alias} was not defined (MQTT5 §3.3.2.3.4)"),
                    ));
                }
            }
            if let Some(seconds) = &mut properties.message_expiry_interval_s {
                *seconds = settings.message_expiry_s(*seconds);
            }
        }
        limits::topic_name(&topic, settings)?;
        if let Some(packet_identifier) = packet_identifier {
            let is_taken = qos == QoS::ExactlyOnce && self.inbound.is_taken(packet_identifier);
            if self.inbound.len() >= usize::from(settings.receive_maximum) && !is_taken {
                let max = settings.receive_maximum;
                return Err(Violation::new(
                    ReasonCode::ReceiveMaximumExceeded,
                    format!("more than {max} messages unacknowledged (`receive_maximum`, [MQTT-3.3.4-7])"),
                ));
            }
            if !self.inbound.push(packet_identifier, qos) {
                return Ok(None);
            }
        }
        let properties = properties.filter(|p| **p != PublishProperties::default());
        Ok(Some(IncomingPublish { topic, qos, retain, packet_identifier, payload, properties }))
    }

    /// Checks a SUBSCRIBE against everything but policy.
    pub(crate) fn subscribe(
        &mut self,
        subscribe: Subscribe,
        settings: &Settings,
    ) -> Result<SubscribeRequest, Violation> {
        let is_named = subscribe.properties.as_ref().is_some_and(|p| p.subscription_identifier.is_some());
        if is_named && !settings.subscription_identifiers {
            return Err(Violation {
                reason_string: Some("DISCONNECT: Subscription Id is not supported now"), // AWS's words
                ..Violation::new(
                    ReasonCode::SubscriptionIdentifiersNotSupported,
                    "SUBSCRIBE with a subscription identifier (MQTT5 §3.2.2.3.12)",
                )
            });
        }
        self.subscriptions.request(subscribe, settings)
    }

    /// Takes an UNSUBSCRIBE in. Nobody holds more filters than a connection may.
    pub(crate) fn unsubscribe(
        &mut self,
        unsubscribe: Unsubscribe,
        settings: &Settings,
    ) -> Result<UnsubscribeRequest, Violation> {
        let Unsubscribe { packet_identifier, topic_filters, properties: _ } = unsubscribe;
        let (filters, max) = (topic_filters.len(), settings.subscriptions_per_connection_max);
        if filters > max {
            let explanation = format!("UNSUBSCRIBE holds {filters} filters, over {max}");
            return Err(Violation::new(ReasonCode::QuotaExceeded, explanation));
        }
        topic_filters.iter().for_each(|filter| self.subscriptions.remove(filter));
        Ok(UnsubscribeRequest { packet_identifier, topic_filters })
    }

    /// Writes the PUBACKs and PUBRECs whose turn has come.
    pub(crate) fn write_acknowledgements(&mut self, persisted: Sequence, out: &mut BytesMut) {
        while let Some(Acknowledgement { packet_identifier, qos, reason_code }) =
            self.inbound.next_acknowledgement(persisted)
        {
            let packet = match qos {
                QoS::ExactlyOnce => Packet::PubRec(PubRec::new(packet_identifier, reason_code)),
                QoS::AtLeastOnce | QoS::AtMostOnce => Packet::PubAck(PubAck::new(packet_identifier, reason_code)),
            };
            encode(&packet, self.agreed.protocol_version, out);
        }
    }
}
