//! Who is connected, who listens to what, and where does a message go?
//!
//! Receives permits; hands on the connections and rules a message is for. Knows nothing of packets, sockets or storage.
mod broker; // clients, their subscriptions, rules
mod target;
mod trie; // topic filters, and which of them a topic name matches // whom a match is for

pub use broker::{Broker, Subscriptions};
pub use target::{ConnectionId, QoS, RuleId, Target};
pub use trie::{HashMatch, TopicTrie};
