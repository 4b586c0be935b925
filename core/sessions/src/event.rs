//! What happened to stored sessions.
use bytes::Bytes;
use sekisho_types::memory::allocated;
use sekisho_types::{
    ClientId, Grant, MessageProperties, PacketIdentifier, ProtocolVersion, QoS, SessionId, Timestamp, TopicFilter,
    base64_bytes,
};
use serde::{Deserialize, Deserializer, Serialize};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A client has a session that is to outlive its connection.
    Opened {
        /// Its number.
        session: SessionId,
        /// Whose it is.
        client_id: ClientId,
        /// What it spoke then.
        protocol_version: ProtocolVersion,
        /// How long it outlives a connection; 4,294,967,295 is for ever (MQTT5 §3.1.2.11.2).
        expiry_s: u32,
    },
    /// Its client is back.
    Resumed {
        /// Which.
        session: SessionId,
        /// As above, from now on.
        expiry_s: u32,
    },
    /// It subscribes to a filter, or to it in another way.
    Subscribed {
        /// Which.
        session: SessionId,
        /// To what.
        filter: TopicFilter,
        /// How.
        grant: Grant,
    },
    /// It does not any more.
    Unsubscribed {
        /// Which.
        session: SessionId,
        /// To what.
        filter: TopicFilter,
    },
    /// A message waits for those who are to acknowledge it.
    Queued {
        /// It.
        message: Message,
        /// They.
        to: Vec<Receiver>,
    },
    /// The client has messages it was sent: PUBACK, or PUBCOMP; or it is not to have them.
    Acknowledged {
        /// Which.
        session: SessionId,
        /// Under which packet identifiers they were sent.
        identifiers: Vec<PacketIdentifier>,
    },
    /// The client has a message of QoS 2 and waits for PUBREL.
    Received {
        /// Which.
        session: SessionId,
        /// Under which packet identifier it was sent.
        identifier: PacketIdentifier,
    },
    /// The client's own message of QoS 2 is taken, and its identifier not free yet.
    Taken {
        /// Which.
        session: SessionId,
        /// What the client calls it.
        identifier: PacketIdentifier,
    },
    /// It is: PUBREL came.
    Released {
        /// Which.
        session: SessionId,
        /// What the client called it.
        identifier: PacketIdentifier,
    },
    /// Its connection has ended.
    Left {
        /// Which.
        session: SessionId,
        /// When.
        at: Timestamp,
        /// How long it stays: what CONNECT said, or DISCONNECT.
        expiry_s: u32,
        /// Messages up to this number may have been sent.
        sent: u64,
    },
    /// It is no more: it expired, or its client began anew.
    Ended {
        /// Which.
        session: SessionId,
    },
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its topic name.
    pub topic: String,
    /// Its payload.
    #[serde(with = "base64_bytes")]
    pub payload: Bytes,
    /// What MQTT5 says of it.
    #[serde(default, skip_serializing_if = "MessageProperties::is_default")]
    pub properties: MessageProperties,
}

/// A session a message waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Which.
    pub session: SessionId,
    /// The order of what waits for it; no other message has this number.
    pub number: u64,
    /// Under which it is sent, however often ([MQTT-4.4.0-1]).
    pub identifier: PacketIdentifier,
    /// 1 or 2.
    pub qos: QoS,
    /// Sent with RETAIN.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retain: bool,
    /// What the client calls the subscriptions it is for. Of old, one at most.
    #[serde(
        default,
        alias = "subscription",
        deserialize_with = "one_or_many",
        skip_serializing_if = "<[u32]>::is_empty"
    )]
    pub subscriptions: Box<[u32]>,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<[u32]>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(u32),
        Many(Box<[u32]>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => Box::new([one]),
        OneOrMany::Many(many) => many,
    })
}

impl Message {
    /// What it takes in memory, however many it waits for.
    pub fn bytes(&self) -> usize {
        let Self { topic, payload, properties } = self;
        MESSAGE_BYTES + allocated(topic.len()) + allocated(payload.len()) + properties.heap_bytes()
    }
}

/// A message itself, and the counts of those who share it.
const MESSAGE_BYTES: usize = allocated(size_of::<Message>() + 2 * size_of::<usize>());
