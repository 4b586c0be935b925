//! Whom a message is for.

/// A live connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// An enabled topic rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// What a subscriber was granted. The broker knows two; the codec's third is refused before it comes here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QoS {
    /// 0
    AtMostOnce,
    /// 1
    AtLeastOnce,
}

/// One of those a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A connection, once however many of its filters match.
    Subscriber {
        /// Which.
        connection: ConnectionId,
        /// The highest QoS granted to those of its filters that match.
        qos: QoS,
    },
    /// A rule.
    Rule(RuleId),
}
