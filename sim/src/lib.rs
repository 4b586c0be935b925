//! The gateway's cores under a virtual clock, a network that cuts and delays, and a disk that forgets what it has not synced: hours of
//! them in seconds, and the same again from the same seed.
//!
//! Clients publish, subscribe, lose their connections and come back; the server is killed and folds its journal again. What must hold is
//! asserted as it goes, in [`World`] and [`Client`].
mod random; // where chance comes from
mod disk; // a journal that a crash cuts
mod server; // gate, broker and sessions joined
mod client; // an MQTT client, and what it checks
mod world; // the clock, the network, and chance

pub use client::Client;
pub use world::{Summary, World};
