//! Whom a message is for.
use sekisho_types::{Grant, SessionId};

/// A live connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// An enabled topic rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Who subscribes: a connection by itself, or a session that outlives its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subscriber {
    /// What it subscribes to ends with it.
    Connection(ConnectionId),
    /// Messages wait for it while it has no connection.
    Session(SessionId),
}

/// One of those a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A subscriber: once for those of its filters that match and that it has no names for, and once for each name.
    Subscriber {
        /// Who.
        subscriber: Subscriber,
        /// The greatest granted to those filters.
        grant: Grant,
    },
    /// A rule.
    Rule(RuleId),
}
