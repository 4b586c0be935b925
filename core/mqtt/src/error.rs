//! Why bytes are refused, with the statement they break. The sender has to change what it sends.
use sekisho_types::TopicError;

use crate::{PacketType, ReasonCode, TextError};

/// Why bytes are no packet. After one of these the connection has lost its place in the stream and must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// MQTT5 §2.1.2: type 0; MQTT3 table 2.1: type 15.
    #[error("packet type {number} is reserved (MQTT5 §2.1.2)")]
    ReservedPacketType {
        /// The upper four bits of the first byte.
        number: u8,
    },
    /// [MQTT-2.1.3-1]; MQTT3 [MQTT-2.2.2-2].
    #[error("reserved flags of {packet_type} have another value [MQTT-2.1.3-1]")]
    ReservedFlags {
        /// The packet.
        packet_type: PacketType,
    },
    /// [MQTT-1.5.5-1]; MQTT3 §2.2.3.
    #[error("a variable byte integer takes at most four bytes, and no more than it needs [MQTT-1.5.5-1]")]
    VariableByteInteger,
    /// [MQTT-3.1.2-24]: over the size the receiver announced.
    #[error("packet of {packet_bytes} bytes is over {packet_bytes_max} [MQTT-3.1.2-24]")]
    PacketTooLarge {
        /// With its fixed header.
        packet_bytes: u64,
        /// The receiver's limit.
        packet_bytes_max: u32,
    },
    /// MQTT5 §2.1.4: the Remaining Length ends inside a field.
    #[error("packet ends inside a field (MQTT5 §2.1.4)")]
    Truncated,
    /// MQTT5 §2.1.4: the Remaining Length goes on after the last field.
    #[error("{packet_type} has bytes after its last field (MQTT5 §2.1.4)")]
    TrailingBytes {
        /// The packet.
        packet_type: PacketType,
    },
    /// [MQTT-1.5.4-1], [MQTT-1.5.4-2].
    #[error("{0} (MQTT5 §1.5.4)")]
    Text(#[from] TextError),
    /// [MQTT-2.2.1-3], [MQTT-2.2.1-4].
    #[error("packet identifier is 0 [MQTT-2.2.1-3]")]
    PacketIdentifierZero,
    /// [MQTT-3.1.0-1].
    #[error("the first packet is {packet_type}, not CONNECT [MQTT-3.1.0-1]")]
    ConnectExpected {
        /// What came instead.
        packet_type: PacketType,
    },
    /// [MQTT-3.1.2-1].
    #[error("the protocol name is not `MQTT` [MQTT-3.1.2-1]")]
    ProtocolName,
    /// [MQTT-3.1.2-2].
    #[error("protocol level {level} is neither 4 (3.1.1) nor 5 [MQTT-3.1.2-2]")]
    ProtocolLevel {
        /// The level asked for; 3 is MQTT 3.1.
        level: u8,
    },
    /// [MQTT-3.1.2-3].
    #[error("the reserved connect flag is set [MQTT-3.1.2-3]")]
    ConnectFlags,
    /// [MQTT-3.1.2-11], [MQTT-3.1.2-12], [MQTT-3.1.2-13].
    #[error("will QoS 3, or will flags without a will [MQTT-3.1.2-11]")]
    WillFlags,
    /// MQTT3 [MQTT-3.1.2-22]; MQTT5 allows it.
    #[error("a password without a user name (MQTT3 [MQTT-3.1.2-22])")]
    PasswordWithoutUserName,
    /// MQTT5 §3.1.2.11.10.
    #[error("authentication data without an authentication method (MQTT5 §3.1.2.11.10)")]
    AuthenticationMethodMissing,
    /// [MQTT-3.2.2-1], [MQTT-3.2.2-6].
    #[error("CONNACK flags are reserved, and session present goes with success only [MQTT-3.2.2-1]")]
    ConnAckFlags,
    /// [MQTT-3.3.1-4].
    #[error("QoS 3 does not exist [MQTT-3.3.1-4]")]
    QoS,
    /// [MQTT-3.3.1-2].
    #[error("DUP is set on a QoS 0 message [MQTT-3.3.1-2]")]
    DupAtMostOnce,
    /// [MQTT-3.3.2-2], [MQTT-4.7.3-1]: of PUBLISH and Response Topic.
    #[error("topic name: {0} [MQTT-3.3.2-2]")]
    TopicName(TopicError),
    /// MQTT5 §3.3.2.1.
    #[error("a PUBLISH has neither a topic name nor a topic alias (MQTT5 §3.3.2.1)")]
    TopicNameMissing,
    /// [MQTT-3.8.3-2], [MQTT-3.10.3-2].
    #[error("{packet_type} holds no topic filter [MQTT-3.8.3-2]")]
    TopicFilterMissing {
        /// SUBSCRIBE or UNSUBSCRIBE.
        packet_type: PacketType,
    },
    /// [MQTT-4.7.1-1] and its neighbours.
    #[error("topic filter: {0} (MQTT5 §4.7.1)")]
    TopicFilter(TopicError),
    /// [MQTT-3.8.3-5]; MQTT3 [MQTT-3-8.3-4]; QoS 3 and Retain Handling 3.
    #[error("reserved subscription options [MQTT-3.8.3-5]")]
    SubscriptionOptions,
    /// [MQTT-3.8.3-4].
    #[error("no local on a shared subscription [MQTT-3.8.3-4]")]
    SharedNoLocal,
    /// MQTT5 §2.2.2.2: unknown, or not for this packet.
    #[error("property 0x{identifier:02X} is not one of {packet_type} (MQTT5 §2.2.2.2)")]
    PropertyNotAllowed {
        /// As sent.
        identifier: u32,
        /// Where it came.
        packet_type: PacketType,
    },
    /// MQTT5 §3.1.2.11 and its like: "It is a Protocol Error to include … more than once".
    #[error("property 0x{identifier:02X} comes twice (MQTT5 §2.2.2.2)")]
    PropertyTwice {
        /// As sent.
        identifier: u32,
    },
    /// MQTT5 §3.1.2.11 and its like: 0 where it is not allowed, or a flag that is neither 0 nor 1.
    #[error("property 0x{identifier:02X} has a value it must not have (MQTT5 §2.2.2.2)")]
    PropertyValue {
        /// As sent.
        identifier: u32,
    },
    /// MQTT5 §2.4.
    #[error("reason code 0x{byte:02X} is not one of {packet_type} (MQTT5 §2.4)")]
    ReasonCode {
        /// As sent.
        byte: u8,
        /// Where it came.
        packet_type: PacketType,
    },
    /// [MQTT-3.8.4-5]: a SUBACK answers at least one filter.
    #[error("{packet_type} holds no reason code [MQTT-3.8.4-5]")]
    ReasonCodesMissing {
        /// SUBACK or UNSUBACK.
        packet_type: PacketType,
    },
}

impl DecodeError {
    /// What MQTT5 calls it (MQTT5 §4.13).
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
            Self::ProtocolLevel { .. } | Self::ProtocolName => ReasonCode::UnsupportedProtocolVersion,
            Self::ConnectExpected { .. }
            | Self::AuthenticationMethodMissing
            | Self::TopicNameMissing
            | Self::TopicFilterMissing { .. }
            | Self::SharedNoLocal
            | Self::PropertyTwice { .. }
            | Self::ReasonCodesMissing { .. } => ReasonCode::ProtocolError,
            Self::PropertyValue { identifier: 0x23 } => ReasonCode::TopicAliasInvalid,
            Self::PropertyValue { .. } => ReasonCode::ProtocolError,
            Self::TopicName(_) => ReasonCode::TopicNameInvalid,
            Self::TopicFilter(_) => ReasonCode::TopicFilterInvalid,
            Self::ReservedPacketType { .. }
            | Self::ReservedFlags { .. }
            | Self::VariableByteInteger
            | Self::Truncated
            | Self::TrailingBytes { .. }
            | Self::Text(_)
            | Self::PacketIdentifierZero
            | Self::ConnectFlags
            | Self::WillFlags
            | Self::PasswordWithoutUserName
            | Self::ConnAckFlags
            | Self::QoS
            | Self::DupAtMostOnce
            | Self::SubscriptionOptions
            | Self::PropertyNotAllowed { .. }
            | Self::ReasonCode { .. } => ReasonCode::MalformedPacket,
        }
    }
}
