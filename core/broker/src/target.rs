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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A subscriber, once for all of its filters that match.
    Subscriber {
        /// Who.
        subscriber: Subscriber,
        /// The greatest granted to those filters.
        grant: Grant,
        /// What the client calls those of the filters that it has a name for ([MQTT-3.3.4-3], [MQTT-3.3.4-4]), in order.
        identifiers: Vec<u32>,
    },
    /// A rule.
    Rule(RuleId),
}

impl Target {
    /// A subscriber, for one of its filters.
    pub(crate) fn of_one(subscriber: Subscriber, grant: Grant) -> Self {
        Self::Subscriber { subscriber, grant, identifiers: grant.identifier.into_iter().collect() }
    }

    /// Takes in what another of the same subscriber is for; false if it is not of the same. (A rule is there once: it has one filter.)
    pub(crate) fn takes_in(&mut self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Subscriber { subscriber, identifiers, .. },
                Self::Subscriber { subscriber: other, identifiers: more, .. },
            ) if subscriber == other => {
                for identifier in more {
                    if let Err(place) = identifiers.binary_search(identifier) {
                        identifiers.insert(place, *identifier);
                    }
                }
                true
            }
            _ => false,
        }
    }
}
