//! Who is connected, who listens to what, and where does a message go?
//!
//! Receives permits; hands on the subscribers and rules a message is for. Knows nothing of packets, sockets or storage.
mod broker; // clients, their subscriptions, rules
mod groups; // shared subscriptions
mod route; // basic ingest: topics that name a rule
mod target; // whom a message is for
mod trie; // topic filters, and which of them a topic name matches

pub use broker::{Broker, Load, Subscriptions};
pub use route::Route;
pub use target::{ConnectionId, RuleId, Subscriber, Target};
pub use trie::{HashMatch, TopicTrie};
