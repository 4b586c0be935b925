//! One struct per packet, the same for both versions; what MQTT3 lacks is empty there.
use bytes::Bytes;
use sekisho_types::TopicFilter;

use crate::properties::{
    AuthProperties, ConnAckProperties, ConnectProperties, DisconnectProperties, PublishProperties, ReasonProperties,
    SubscribeProperties, UnsubscribeProperties, WillProperties,
};
use crate::{BinaryData, PacketIdentifier, PacketType, Password, ProtocolVersion, QoS, ReasonCode, Utf8String};

/// A whole MQTT Control Packet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the packet of that name")]
pub enum Packet {
    Connect(Box<Connect>),
    ConnAck(ConnAck),
    Publish(Publish),
    PubAck(PubAck),
    PubRec(PubRec),
    PubRel(PubRel),
    PubComp(PubComp),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    /// MQTT5 only.
    Auth(Auth),
}

impl Packet {
    /// Its type.
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }
}

/// A client asks for a connection (MQTT5 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connect {
    /// The version the client speaks from here on.
    pub protocol_version: ProtocolVersion,
    /// Clean Start; MQTT3 calls it Clean Session and also ends the session with the connection.
    pub clean_start: bool,
    /// Seconds; 0 turns the mechanism off.
    pub keep_alive_s: u16,
    /// May be empty: the server chooses one.
    pub client_id: Utf8String,
    /// What to publish when the connection ends badly.
    pub will: Option<Will>,
    /// User Name.
    pub user_name: Option<Utf8String>,
    /// Password.
    pub password: Option<Password>,
    /// MQTT5.
    pub properties: Option<Box<ConnectProperties>>,
}

/// The Will Message of a CONNECT (MQTT5 §3.1.2.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where it is published; not checked to be a topic name.
    pub topic: Utf8String,
    /// At most 65,535 bytes.
    pub payload: BinaryData,
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// MQTT5.
    pub properties: Option<Box<WillProperties>>,
}

/// The server's answer to CONNECT (MQTT5 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the server resumed a session.
    pub session_present: bool,
    /// Connect Reason Code; in MQTT3 the nearest return code is written.
    pub reason_code: ReasonCode,
    /// MQTT5.
    pub properties: Option<Box<ConnAckProperties>>,
}

/// An application message on its way (MQTT5 §3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// It may have been sent before.
    pub dup: bool,
    /// Quality of service.
    pub qos: QoS,
    /// Keep it for later subscribers, or: it was kept.
    pub retain: bool,
    /// Without wildcards. Empty only with a Topic Alias.
    pub topic: Utf8String,
    /// Present exactly when `qos` is above 0.
    pub packet_identifier: Option<PacketIdentifier>,
    /// MQTT5; `None` costs nothing.
    pub properties: Option<Box<PublishProperties>>,
    /// The rest of the packet.
    pub payload: Bytes,
}

macro_rules! acknowledgements {
    ($($(#[$doc:meta])* $type:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type {
            /// The packet it answers.
            pub packet_identifier: PacketIdentifier,
            /// MQTT5; MQTT3 knows only success.
            pub reason_code: ReasonCode,
            /// MQTT5.
            pub properties: Option<Box<ReasonProperties>>,
        }

        impl $type {
            /// Without properties.
            pub const fn new(packet_identifier: PacketIdentifier, reason_code: ReasonCode) -> Self {
                Self { packet_identifier, reason_code, properties: None }
            }
        }
    )*};
}

acknowledgements! {
    /// The answer to a QoS 1 PUBLISH (MQTT5 §3.4).
    PubAck;
    /// The first answer to a QoS 2 PUBLISH (MQTT5 §3.5).
    PubRec;
    /// The answer to PUBREC (MQTT5 §3.6).
    PubRel;
    /// The answer to PUBREL (MQTT5 §3.7).
    PubComp;
}

/// A client asks for messages (MQTT5 §3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// SUBACK carries it back.
    pub packet_identifier: PacketIdentifier,
    /// At least one.
    pub subscriptions: Vec<Subscription>,
    /// MQTT5.
    pub properties: Option<Box<SubscribeProperties>>,
}

/// One filter of a SUBSCRIBE and its Subscription Options (MQTT5 §3.8.3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Which topics.
    pub topic_filter: TopicFilter,
    /// Maximum QoS.
    pub qos: QoS,
    /// Not the client's own messages. MQTT5.
    pub no_local: bool,
    /// Forward with the RETAIN flag as published. MQTT5.
    pub retain_as_published: bool,
    /// MQTT5.
    pub retain_handling: RetainHandling,
}

/// When retained messages are sent for a subscription (MQTT5 §3.8.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RetainHandling {
    /// 0: at each subscribe. What MQTT3 does.
    #[default]
    AtSubscribe,
    /// 1: only if the subscription is new.
    IfNew,
    /// 2: never.
    Never,
}

/// The server's answer to SUBSCRIBE (MQTT5 §3.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubAck {
    /// The SUBSCRIBE it answers.
    pub packet_identifier: PacketIdentifier,
    /// One per filter, in order. MQTT3 writes every error as 0x80.
    pub reason_codes: Vec<ReasonCode>,
    /// MQTT5.
    pub properties: Option<Box<ReasonProperties>>,
}

/// A client wants no more of some messages (MQTT5 §3.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// UNSUBACK carries it back.
    pub packet_identifier: PacketIdentifier,
    /// At least one.
    pub topic_filters: Vec<TopicFilter>,
    /// MQTT5.
    pub properties: Option<Box<UnsubscribeProperties>>,
}

/// The server's answer to UNSUBSCRIBE (MQTT5 §3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsubAck {
    /// The UNSUBSCRIBE it answers.
    pub packet_identifier: PacketIdentifier,
    /// One per filter, in order. Empty in MQTT3.
    pub reason_codes: Vec<ReasonCode>,
    /// MQTT5.
    pub properties: Option<Box<ReasonProperties>>,
}

/// The last packet of a connection (MQTT5 §3.14). In MQTT3 only a client sends it, and it says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disconnect {
    /// Why; always `Success` in MQTT3.
    pub reason_code: ReasonCode,
    /// MQTT5.
    pub properties: Option<Box<DisconnectProperties>>,
}

/// A step of extended authentication (MQTT5 §3.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Which step.
    pub reason_code: ReasonCode,
    /// Holds the Authentication Method.
    pub properties: Option<Box<AuthProperties>>,
}
