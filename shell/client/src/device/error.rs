//! What can become of a device's connection.
use std::io;

use sekisho_mqtt::{DecodeError, PacketType, ReasonCode};
use sekisho_types::TopicError;

use super::MESSAGES_WAITING_MAX;

/// Why a device could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The caller: `host` or `host:port`.
    #[error("`{0}` is not an endpoint such as localhost:8883")]
    Endpoint(String),
    /// The caller: not a topic name or filter.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The caller: more than MQTT can say in a string.
    #[error("`{0}` is too long for MQTT, or holds a NUL")]
    Text(String),
    /// The caller: too many sent and too few acknowledgements taken.
    #[error("more messages under way than the server takes")]
    InFlight,
    /// Nobody there.
    #[error("no connection to {endpoint}")]
    Connect {
        /// Host and port.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
    /// One side does not accept the other's certificate, or it is no TLS.
    #[error("no TLS with {endpoint}")]
    Tls {
        /// Host and port.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
    /// The server answered CONNECT with a refusal.
    #[error("CONNECT refused: {0}")]
    Refused(ReasonCode),
    /// The server answered PUBLISH with a refusal.
    #[error("PUBLISH refused: {0}")]
    NotPublished(ReasonCode),
    /// The server answered SUBSCRIBE with a refusal.
    #[error("SUBSCRIBE refused: {0}")]
    NotSubscribed(ReasonCode),
    /// The server ended the connection and said why (MQTT 5).
    #[error("the server disconnected: {0}")]
    Disconnected(ReasonCode),
    /// The server ended the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// Nothing came back in time.
    #[error("the server does not answer")]
    Silent,
    /// More messages than anybody asked for.
    #[error("more than {MESSAGES_WAITING_MAX} messages wait to be taken")]
    Overrun,
    /// The server speaks no MQTT.
    #[error("the server sent what is no MQTT")]
    Malformed(#[from] DecodeError),
    /// The server sent a packet that has no place here.
    #[error("the server sent {0} out of turn")]
    Unexpected(PacketType),
}

impl DeviceError {
    /// Whether the server ended it, in whichever way: what a device sees when it is not, or no longer, welcome.
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Disconnected(_) | Self::Closed | Self::Broken(_))
    }
}
