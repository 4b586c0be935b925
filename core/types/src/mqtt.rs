//! Words of MQTT that outlive a packet.
use std::fmt;
use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};

/// Which protocol a connection speaks (MQTT5 §3.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProtocolVersion {
    /// MQTT 3.1.1: level 4.
    V311,
    /// MQTT 5.0: level 5.
    V5,
}

impl ProtocolVersion {
    /// The byte in CONNECT.
    pub const fn level(self) -> u8 {
        match self {
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }
}

/// How often a message may arrive (MQTT5 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum QoS {
    /// 0
    #[default]
    AtMostOnce,
    /// 1
    AtLeastOnce,
    /// 2
    ExactlyOnce,
}

impl QoS {
    /// From its number; 3 and above are no QoS.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// 0, 1 or 2.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl From<QoS> for u8 {
    fn from(qos: QoS) -> Self {
        qos.number()
    }
}

impl TryFrom<u8> for QoS {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Self::from_number(number).ok_or_else(|| format!("{number} is no QoS"))
    }
}

/// Names one exchange between a client and a server; never 0 ([MQTT-2.2.1-3] in MQTT5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PacketIdentifier(NonZeroU16);

impl PacketIdentifier {
    /// The first one.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// From its number, unless that is 0.
    pub const fn new(number: u16) -> Option<Self> {
        match NonZeroU16::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0.get()
    }

    /// The one after it; after 65,535 comes 1.
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(number) => Self(number),
            None => Self::FIRST,
        }
    }
}

impl fmt::Display for PacketIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session that outlives its connections; while a server runs, the number is never another session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// How a client is subscribed to a filter (MQTT5 §3.8.3.1), as granted.
///
/// Ordered so that of two the greater is the one that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Grant {
    /// At most.
    pub qos: QoS,
    /// With RETAIN as the publisher set it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retain_as_published: bool,
    /// Not to messages of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_local: bool,
    /// What the client calls the subscription (MQTT5 §3.8.2.1.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<u32>,
}

impl Grant {
    /// All that MQTT3 knows.
    pub const fn at(qos: QoS) -> Self {
        Self { qos, retain_as_published: false, no_local: false, identifier: None }
    }
}
