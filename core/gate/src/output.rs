//! What the gate hands on, and how it is answered.
use bytes::Bytes;
use sekisho_mqtt::{
    PacketIdentifier, ProtocolVersion, PublishProperties, QoS, Subscription, Utf8String, WillProperties,
};
use sekisho_types::memory::allocated;
use sekisho_types::{ClientId, Secret, TopicFilter, TopicName};

use crate::Close;

/// A position in the journal. What was appended there is durable once `handle_persisted` names it or a later one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// Something for the shell to do, in the order the client asked for it.
#[derive(Debug, PartialEq)]
pub enum Output {
    /// Decide, then `accept` or `refuse`. Until then nothing more is read. This and other answers wait until the place of the journal
    /// they name is durable.
    Connect(Box<ConnectRequest>),
    /// Decide, then `publish_accepted` (above QoS 0 only) or `publish_refused`.
    Publish(IncomingPublish),
    /// Decide, then `subscribed`.
    Subscribe(SubscribeRequest),
    /// Do it, then `unsubscribed`.
    Unsubscribe(UnsubscribeRequest),
    /// Of a stored session only: the client has a message that was sent under this identifier, and the session keeps it no longer.
    Acknowledged(PacketIdentifier),
    /// Of a stored session only: the client has a message of QoS 2. Note it, then `release`.
    Received(PacketIdentifier),
    /// Of a stored session only: the client lets go of the identifier of a message of QoS 2 of its own. Note it, then `complete`.
    Released(PacketIdentifier),
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
}

/// A will whose topic is a topic name within the limits.
#[derive(Clone, Debug, PartialEq)]
pub struct Will {
    /// Where to publish it.
    pub topic: TopicName,
    /// At most 65,535 bytes.
    pub payload: Bytes,
    /// At most `maximum_qos`.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
    /// MQTT5.
    pub properties: Option<Box<WillProperties>>,
}

impl Will {
    /// What it takes in memory: it has buffers of its own.
    pub fn bytes(&self) -> usize {
        let Self { topic, payload, properties, .. } = self;
        let properties = properties.as_deref().map_or(0, WillProperties::bytes);
        size_of::<Self>() + allocated(topic.as_str().len()) + allocated(payload.len()) + properties
    }
}

/// The answer to a [`ConnectRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// A stored session was resumed.
    pub session_present: bool,
    /// There is one: what the client acknowledges is handed on, and its messages come by `deliver_stored`.
    pub is_stored: bool,
    /// What it is subscribed to.
    pub subscriptions: Vec<TopicFilter>,
    /// The client's own messages of QoS 2 that were taken, and not released.
    pub taken: Vec<PacketIdentifier>,
    /// The name chosen for a client that gave none; a v5 client is told.
    pub assigned_client_id: Option<ClientId>,
}

/// An application message from the client.
#[derive(Clone, Debug, PartialEq)]
pub struct IncomingPublish {
    /// A topic name within the limits; topic aliases are resolved. Shares the connection's read buffer.
    pub topic: Utf8String,
    /// At most `maximum_qos`.
    pub qos: QoS,
    /// As sent, whether or not retained messages are kept: `iot:RetainPublish` is about the flag.
    pub retain: bool,
    /// Present exactly above QoS 0. Name it in the answer.
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
    /// At least one; QoS is at most `maximum_qos`. The answer has one result for each, in this order.
    pub subscriptions: Vec<Subscription>,
    /// What the client calls these subscriptions (MQTT5 §3.8.2.1.2).
    pub identifier: Option<u32>,
}

/// Filters to unsubscribe.
#[derive(Debug, PartialEq)]
pub struct UnsubscribeRequest {
    /// Name it in the answer.
    pub packet_identifier: PacketIdentifier,
    /// At least one. The answer has one result for each, in this order.
    pub topic_filters: Vec<TopicFilter>,
}
