//! MQTT packets: bytes to values and back, for 3.1.1 and 5.0, in both directions.
//!
//! Receives a buffer of bytes from a peer; hands on a [`Packet`] whose texts and payloads are slices of that buffer.
//! Refuses whatever the specification calls malformed, and says which statement it breaks. Knows nothing of
//! connections: what a packet means after another one is the gate's business.
//!
//! MQTT3 is MQTT 3.1.1 (OASIS, 2014); MQTT5 is MQTT 5.0 (OASIS, 2019).
mod field; // protocol version, QoS, packet identifier, packet type
mod packet; // one struct per packet
mod properties; // MQTT5 properties, typed per packet
mod reason_code; // one byte that says how it went
mod text; // UTF-8 strings, binary data, passwords

mod decode; // bytes → Packet
mod error; // why bytes are refused
mod reader; // takes fields off a packet

mod encode; // Packet → bytes
mod publish_head; // what all receivers of a message share
mod writer; // puts fields into a buffer

pub use decode::{connect_version, decode, decode_connect};
pub use encode::{encode, encoded_len};
pub use error::DecodeError;
pub use field::PacketType;
pub use packet::{
    Auth, ConnAck, Connect, Disconnect, Packet, PubAck, PubComp, PubRec, PubRel, Publish, RetainHandling, SubAck,
    Subscribe, Subscription, UnsubAck, Unsubscribe, Will,
};
pub use properties::{
    AuthProperties, ConnAckProperties, ConnectProperties, DisconnectProperties, PublishProperties, ReasonProperties,
    SubscribeProperties, SubscriptionIdentifier, UnsubscribeProperties, UserProperty, WillProperties,
};
pub use publish_head::{PublishFrame, PublishHead, TopicAlias};
pub use reason_code::ReasonCode;
pub use sekisho_types::{PacketIdentifier, ProtocolVersion, QoS};
pub use text::{BinaryData, Password, TextError, Utf8String};

/// The most a Remaining Length can say: 268,435,455 bytes (MQTT5 §1.5.5).
pub const REMAINING_LENGTH_MAX: u32 = 268_435_455;
