//! Stored sessions: what outlives a client's connections (MQTT5 §4.1; iot dev guide: "MQTT persistent sessions").
//!
//! Receives clients that come and go, what they subscribe to, and messages for them that policy has let through; hands on events, and
//! to a connection the messages its client has not acknowledged. Knows nothing of packets, sockets or policies.
mod event; // what happened
mod session; // one of them
mod sessions; // all of them, and what may happen

pub use event::{Event, Message, Receiver};
pub use session::{Session, Waiting};
pub use sessions::{Addressee, Full, Hello, Limits, Seat, SessionFull, Sessions};
