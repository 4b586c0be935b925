//! What the gate hands on, and how it is answered.
use bytes::Bytes;
use sekisho_mqtt::{
    PacketIdentifier, ProtocolVersion, PublishProperties, QoS, Subscription, UserProperty, Utf8String, WillProperties,
};
use sekisho_types::{ClientId, Secret, TopicFilter, TopicName};

use crate::Close;

/// A position in the journal. What was appended there is durable once `handle_persisted` names it or a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Something for the shell to do, in the order the client asked for it.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Decide, then `accept` or `refuse`. Until then nothing more is read.
    Connect(Box<ConnectRequest>),
    /// Decide, then `publish_accepted` (QoS 1 only) or `publish_refused`.
    Publish(IncomingPublish),
    /// Decide, then `subscribed`.
    Subscribe(SubscribeRequest),
    /// Do it, then `unsubscribed`.
    Unsubscribe(UnsubscribeRequest),
    /// The last output: write what is left of `outgoing`, close the transport, publish the will if it says so.
    Close(Close),
}

/// A well-formed CONNECT. Its client is not authorized yet.
#[derive(Debug, PartialEq)]
pub struct ConnectRequest {
    /// What the client speaks.
    pub protocol_version: ProtocolVersion,
    /// `None`: choose one, and name it in [`Accepted::assigned_client_id`].
    pub client_id: Option<ClientId>,
    /// Forget a stored session.
    pub clean_start: bool,
    /// How long the session is to outlive the connection, within `session_expiry_max_s`; 0 is not at all. An MQTT3
    /// client that wants a session gets the maximum.
    pub session_expiry_s: u32,
    /// Whether the client asked for a session that outlives the connection, even where none is granted
    /// (`PersistentConnect` of `iot:ConnectAttributes`).
    pub persistent: bool,
    /// After clamping; the gate watches it.
    pub keep_alive_s: u16,
    /// Publish it if [`Close::publish_will`] says so. Authorize its topic now.
    pub will: Option<Will>,
    /// User Name.
    pub user_name: Option<Utf8String>,
    /// Password.
    pub password: Option<Secret>,
    /// MQTT5.
    pub user_properties: Vec<UserProperty>,
}

/// A will whose topic is a topic name within the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Will {
    /// Where to publish it.
    pub topic: TopicName,
    /// At most 65,535 bytes.
    pub payload: Bytes,
    /// 0 or 1.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
    /// MQTT5.
    pub properties: Option<Box<WillProperties>>,
}

/// The answer to a [`ConnectRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// A stored session was resumed.
    pub session_present: bool,
    /// The name chosen for a client that gave none; a v5 client is told.
    pub assigned_client_id: Option<ClientId>,
}

/// An application message from the client.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingPublish {
    /// A topic name within the limits; topic aliases are resolved. Shares the connection's read buffer.
    pub topic: Utf8String,
    /// 0 or 1.
    pub qos: QoS,
    /// As sent. AWS ignores it.
    pub dup: bool,
    /// As sent, whether or not retained messages are kept: `iot:RetainPublish` is about the flag.
    pub retain: bool,
    /// Present exactly at QoS 1. Name it in the answer.
    pub packet_identifier: Option<PacketIdentifier>,
    /// Shares the connection's read buffer.
    pub payload: Bytes,
    /// MQTT5, without topic alias; message expiry is within the limits.
    pub properties: Option<Box<PublishProperties>>,
}

/// Filters to subscribe, at most `filters_per_subscribe_max`.
#[derive(Debug, PartialEq)]
pub struct SubscribeRequest {
    /// Name it in the answer.
    pub packet_identifier: PacketIdentifier,
    /// At least one; QoS is 0 or 1. The answer has one result for each, in this order.
    pub subscriptions: Vec<Subscription>,
}

/// Filters to unsubscribe.
#[derive(Debug, PartialEq)]
pub struct UnsubscribeRequest {
    /// Name it in the answer.
    pub packet_identifier: PacketIdentifier,
    /// At least one. The answer has one result for each, in this order.
    pub topic_filters: Vec<TopicFilter>,
}
