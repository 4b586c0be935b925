//! What CONNECT asked for and the settings allow: it holds for the whole connection.
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use bytes::Bytes;
use sekisho_mqtt::{ConnAckProperties, Connect, ProtocolVersion, QoS, ReasonCode, Utf8String};
use sekisho_types::{ClientId, Secret, TopicName};

use crate::close::Violation;
use crate::limits;
use crate::output::{Accepted, ConnectRequest, Will};
use crate::settings::Settings;

/// Settled between client and server.
#[derive(Clone, Debug)]
pub(crate) struct Agreed {
    pub(crate) protocol_version: ProtocolVersion,
    /// As asked in CONNECT; DISCONNECT may only change what was not 0 (MQTT5 §3.14.2.2.2).
    session_expiry_asked_s: u32,
    /// As granted.
    pub(crate) session_expiry_s: u32,
    keep_alive_s: u16,
    /// QoS 1 messages the client takes at once.
    pub(crate) send_maximum: u16,
    /// The largest packet the client takes.
    pub(crate) client_packet_bytes_max: usize,
    /// Topic aliases the client takes, and we use.
    pub(crate) client_aliases: u16,
}

impl Agreed {
    /// Reads a CONNECT in the light of the settings.
    pub(crate) fn new(connect: &Connect, settings: &Settings) -> Self {
        let properties = connect.properties.as_deref();
        let session_expiry_asked_s = match connect.protocol_version {
            ProtocolVersion::V311 if connect.clean_start => 0,
            ProtocolVersion::V311 => settings.session_expiry_max_s,
            ProtocolVersion::V5 => properties.and_then(|p| p.session_expiry_interval_s).unwrap_or(0),
        };
        let keep_alive_max_s = match connect.protocol_version {
            ProtocolVersion::V311 => settings.keep_alive_untold_max_s,
            ProtocolVersion::V5 => settings.keep_alive_max_s,
        };
        let keep_alive_s = match connect.keep_alive_s {
            0 => settings.keep_alive_unset_s,
            asked => asked.max(settings.keep_alive_min_s).min(keep_alive_max_s),
        };
        let receive_maximum = properties.and_then(|p| p.receive_maximum).map_or(u16::MAX, NonZeroU16::get);
        let aliases = properties.and_then(|p| p.topic_alias_maximum).unwrap_or(0);
        let maximum_packet_size = properties.and_then(|p| p.maximum_packet_size).map_or(u32::MAX, NonZeroU32::get);
        Self {
            protocol_version: connect.protocol_version,
            session_expiry_asked_s,
            session_expiry_s: session_expiry_asked_s.min(settings.session_expiry_max_s),
            keep_alive_s,
            send_maximum: receive_maximum.min(settings.send_maximum),
            client_packet_bytes_max: maximum_packet_size as usize,
            client_aliases: aliases.min(settings.topic_alias_maximum),
        }
    }

    /// How long nothing may come: one and a half times the keep alive ([MQTT-3.1.2-22]); `None` for ever.
    pub(crate) fn silence_max(&self) -> Option<Duration> {
        let millis = u64::from(self.keep_alive_s) * 1500;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// What a DISCONNECT makes of the session's expiry.
    pub(crate) fn session_expiry_after(&self, disconnect: Option<u32>, settings: &Settings) -> Result<u32, Violation> {
        match disconnect {
            None => Ok(self.session_expiry_s),
            Some(1..) if self.session_expiry_asked_s == 0 => Err(Violation::new(
                ReasonCode::ProtocolError,
                "DISCONNECT sets a session expiry after CONNECT set none (MQTT5 §3.14.2.2.2)",
            )),
            Some(seconds) => Ok(seconds.min(settings.session_expiry_max_s)),
        }
    }

    /// The v5 properties of a CONNACK that accepts.
    pub(crate) fn connack_properties(&self, accepted: &Accepted, settings: &Settings) -> ConnAckProperties {
        let assigned = accepted.assigned_client_id.as_ref();
        ConnAckProperties {
            session_expiry_interval_s: (self.session_expiry_asked_s > 0).then_some(self.session_expiry_s),
            receive_maximum: NonZeroU16::new(settings.receive_maximum),
            maximum_qos: Some(settings.maximum_qos).filter(|qos| *qos < QoS::ExactlyOnce),
            retain_available: Some(true),
            maximum_packet_size: NonZeroU32::new(settings.packet_bytes_max),
            assigned_client_identifier: assigned.and_then(|id| Utf8String::copied(id.as_str()).ok()),
            topic_alias_maximum: Some(settings.topic_alias_maximum),
            wildcard_subscription_available: Some(true),
            subscription_identifiers_available: Some(settings.subscription_identifiers),
            shared_subscription_available: Some(true),
            server_keep_alive_s: Some(self.keep_alive_s),
            ..ConnAckProperties::default()
        }
    }

    /// What the shell has to decide, or why there is nothing to decide.
    pub(crate) fn request(&self, connect: Connect, settings: &Settings) -> Result<ConnectRequest, Violation> {
        if connect.properties.as_ref().is_some_and(|p| p.authentication_method.is_some()) {
            return Err(Violation::new(
                ReasonCode::BadAuthenticationMethod,
                "CONNECT names an authentication method, and there is none [MQTT-4.12.0-1]",
            ));
        }
        let client_id = match connect.client_id.as_str() {
            "" if self.protocol_version == ProtocolVersion::V311 && !connect.clean_start => {
                return Err(Violation::new(
                    ReasonCode::ClientIdentifierNotValid,
                    "a client without a client id asks for a session (MQTT3 [MQTT-3.1.3-8])",
                ));
            }
            "" => None,
            text => Some(
                ClientId::parse(text)
                    .map_err(|error| Violation::new(ReasonCode::ClientIdentifierNotValid, error.to_string()))?,
            ),
        };
        Ok(ConnectRequest {
            protocol_version: self.protocol_version,
            client_id,
            clean_start: connect.clean_start,
            session_expiry_s: self.session_expiry_s,
            persistent: match self.protocol_version {
                ProtocolVersion::V311 => !connect.clean_start,
                ProtocolVersion::V5 => self.session_expiry_asked_s > 0,
            },
            keep_alive_s: self.keep_alive_s,
            will: connect.will.map(|will| will_within_limits(will, settings)).transpose()?,
            user_name: connect.user_name,
            password: connect.password.map(|password| Secret::new(password.expose().to_vec())),
        })
    }
}

fn will_within_limits(will: sekisho_mqtt::Will, settings: &Settings) -> Result<Will, Violation> {
    if will.qos > settings.maximum_qos {
        return Err(Violation::new(ReasonCode::QoSNotSupported, "the will has QoS 2 [MQTT-3.2.2-12]"));
    }
    let topic = TopicName::parse(&will.topic)
        .map_err(|error| Violation::new(ReasonCode::TopicNameInvalid, format!("will: {error} [MQTT-3.3.2-2]")))?;
    limits::topic_name(topic.as_str(), settings)?;
    let sekisho_mqtt::Will { topic: _, payload, qos, retain, properties } = will;
    // It is kept as long as the connection, and must not keep the buffer its CONNECT came in.
    let payload = Bytes::copy_from_slice(payload.bytes());
    let properties = properties.map(|properties| {
        let mut properties = properties.detached();
        properties.message_expiry_interval_s =
            properties.message_expiry_interval_s.map(|s| settings.message_expiry_s(s));
        Box::new(properties)
    });
    Ok(Will { topic, payload, qos, retain, properties })
}
