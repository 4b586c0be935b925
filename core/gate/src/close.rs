//! How a connection ends, and how something is refused.
use std::borrow::Cow;
use std::fmt;

use sekisho_mqtt::{PacketType, ReasonCode};

/// The end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// As AWS's lifecycle event says it.
    pub reason: CloseReason,
    /// What exactly happened, for the operator's log. The client does not see it.
    pub explanation: Cow<'static, str>,
    /// Whether the will is to be published: the connection was accepted, and the client did not say goodbye.
    pub publish_will: bool,
    /// How long the session outlives the connection from now: what was agreed, or what DISCONNECT changed it to. `None` if the client
    /// had not been let in: then its session, if it has one, stays as it was.
    pub session_expiry_s: Option<u32>,
}

/// Why a connection ended (AWS IoT Core developer guide, "Lifecycle events": `disconnectReason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Authentication or authorization failed, or was withdrawn.
    AuthError,
    /// DISCONNECT.
    ClientInitiatedDisconnect,
    /// The client did what MQTT or a limit forbids.
    ClientError,
    /// The transport ended without DISCONNECT.
    ConnectionLost,
    /// Another connection has the same client id now.
    DuplicateClientId,
    /// Policy forbids the operation or the client id.
    ForbiddenAccess,
    /// Nothing came for one and a half times the keep alive.
    MqttKeepAliveTimeout,
    /// Something failed here.
    ServerError,
    /// The server is going away.
    ServerInitiatedDisconnect,
    /// `DeleteConnection`.
    ApiInitiatedDisconnect,
    /// Over a rate.
    Throttled,
    /// A WebSocket connection reached its age.
    WebsocketTtlExpiration,
    /// What a custom authorizer granted ran out.
    CustomauthTtlExpiration,
}

impl CloseReason {
    /// Whether the client may still be sending, and has to be heard out to hear why: one that still sends when both ends are closed is
    /// reset, and what it was told last may be lost with that (RFC 9293 §3.6.1). A server that goes away waits for nobody.
    pub const fn is_heard_out(self) -> bool {
        !matches!(self, Self::ClientInitiatedDisconnect | Self::ConnectionLost | Self::ServerInitiatedDisconnect)
    }

    /// As in the event's `disconnectReason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthError => "AUTH_ERROR",
            Self::ClientInitiatedDisconnect => "CLIENT_INITIATED_DISCONNECT",
            Self::ClientError => "CLIENT_ERROR",
            Self::ConnectionLost => "CONNECTION_LOST",
            Self::DuplicateClientId => "DUPLICATE_CLIENTID",
            Self::ForbiddenAccess => "FORBIDDEN_ACCESS",
            Self::MqttKeepAliveTimeout => "MQTT_KEEP_ALIVE_TIMEOUT",
            Self::ServerError => "SERVER_ERROR",
            Self::ServerInitiatedDisconnect => "SERVER_INITIATED_DISCONNECT",
            Self::ApiInitiatedDisconnect => "API_INITIATED_DISCONNECT",
            Self::Throttled => "THROTTLED",
            Self::WebsocketTtlExpiration => "WEBSOCKET_TTL_EXPIRATION",
            Self::CustomauthTtlExpiration => "CUSTOMAUTH_TTL_EXPIRATION",
        }
    }

    /// What a v5 client is told, where nothing more precise is known.
    pub(crate) const fn reason_code(self) -> ReasonCode {
        match self {
            Self::AuthError | Self::ForbiddenAccess => ReasonCode::NotAuthorized,
            Self::ClientError => ReasonCode::ProtocolError,
            Self::DuplicateClientId => ReasonCode::SessionTakenOver,
            Self::MqttKeepAliveTimeout => ReasonCode::KeepAliveTimeout,
            Self::ServerInitiatedDisconnect => ReasonCode::ServerShuttingDown,
            Self::ApiInitiatedDisconnect => ReasonCode::AdministrativeAction,
            Self::Throttled => ReasonCode::QuotaExceeded,
            Self::WebsocketTtlExpiration | Self::CustomauthTtlExpiration => ReasonCode::MaximumConnectTime,
            Self::ServerError | Self::ClientInitiatedDisconnect | Self::ConnectionLost => ReasonCode::UnspecifiedError,
        }
    }

    /// For the log.
    pub(crate) const fn explanation(self) -> &'static str {
        match self {
            Self::AuthError => "the client is not, or no longer, authorized",
            Self::ClientInitiatedDisconnect => "the client disconnected",
            Self::ClientError => "the client broke the protocol",
            Self::ConnectionLost => "the transport ended without a DISCONNECT",
            Self::DuplicateClientId => "another connection took the client id over",
            Self::ForbiddenAccess => "policy forbids what the client wanted",
            Self::MqttKeepAliveTimeout => "nothing came for one and a half times the keep alive",
            Self::ServerError => "the server failed",
            Self::ServerInitiatedDisconnect => "the server is shutting down",
            Self::ApiInitiatedDisconnect => "the connection was deleted through the API",
            Self::Throttled => "the client was over its rate",
            Self::WebsocketTtlExpiration => "the WebSocket connection reached its maximum age",
            Self::CustomauthTtlExpiration => "the custom authorizer's grant ran out",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why something the client wants is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Policy says no, or the certificate is not active.
    #[error("not authorized")]
    NotAuthorized,
    /// User Name or Password is wrong.
    #[error("bad user name or password")]
    BadUserNameOrPassword,
    /// The client id is not one.
    #[error("client identifier not valid")]
    ClientIdentifierNotValid,
    /// A topic name that is reserved or out of limits.
    #[error("topic name invalid")]
    TopicNameInvalid,
    /// A topic filter that is reserved or out of limits.
    #[error("topic filter invalid")]
    TopicFilterInvalid,
    /// A rate or a number is exceeded. The client may try again later.
    #[error("quota exceeded")]
    QuotaExceeded,
    /// What has to be on the disk does not fit there now. Nothing was done: the client may try again later, or somebody for it.
    #[error("no room on the disk")]
    NoRoom,
    /// The server cannot do it now; nothing is wrong with the request.
    #[error("server unavailable")]
    ServerUnavailable,
}

impl Refusal {
    /// What a v5 packet of this type says.
    pub(crate) fn reason_code(self, packet_type: PacketType) -> ReasonCode {
        let reason_code = match self {
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::BadUserNameOrPassword => ReasonCode::BadUserNameOrPassword,
            Self::ClientIdentifierNotValid => ReasonCode::ClientIdentifierNotValid,
            Self::TopicNameInvalid => ReasonCode::TopicNameInvalid,
            Self::TopicFilterInvalid => ReasonCode::TopicFilterInvalid,
            Self::QuotaExceeded | Self::NoRoom => ReasonCode::QuotaExceeded,
            Self::ServerUnavailable => ReasonCode::ServerUnavailable,
        };
        if reason_code.fits(packet_type) { reason_code } else { ReasonCode::UnspecifiedError }
    }

    /// How the connection ends if it has to.
    pub(crate) const fn close_reason(self) -> CloseReason {
        match self {
            Self::NotAuthorized | Self::BadUserNameOrPassword => CloseReason::AuthError,
            Self::ClientIdentifierNotValid | Self::TopicNameInvalid | Self::TopicFilterInvalid => {
                CloseReason::ClientError
            }
            Self::QuotaExceeded | Self::NoRoom => CloseReason::Throttled,
            Self::ServerUnavailable => CloseReason::ServerError,
        }
    }
}

/// What the client did that ends the connection.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) reason_code: ReasonCode,
    pub(crate) explanation: Cow<'static, str>,
    /// Sent to a v5 client where AWS sends one.
    pub(crate) reason_string: Option<&'static str>,
}

impl Violation {
    pub(crate) fn new(reason_code: ReasonCode, explanation: impl Into<Cow<'static, str>>) -> Self {
        Self { reason_code, explanation: explanation.into(), reason_string: None }
    }
}
