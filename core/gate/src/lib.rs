//! The server side of one MQTT connection, from its first byte to its last.
//!
//! Receives bytes and the time; hands on what the client wants (a [`ConnectRequest`], an [`IncomingPublish`], ...) and
//! the bytes to write. Someone else decides what is allowed, tells the gate, and the gate tells the client, in its
//! version's words. Knows nothing of policies, topics' subscribers or storage, except that a PUBACK waits for a
//! [`Sequence`] to be durable.
//!
//! The shell is one loop: wait for bytes, an answer, room in the socket or [`Connection::poll_timeout`]; hand it over;
//! drain [`Connection::poll_output`]; write [`Connection::outgoing`]; read on while [`Connection::takes_input`].
mod output; // what the gate hands on, and how it is answered
mod rate; // so much a second
mod settings; // every limit, its reason, and what happens beyond it

mod connection; // the state machine
mod session; // what exists while a client is connected

mod agreed; // what CONNECT and CONNACK settled
mod inbound; // messages from the client, acknowledged in order; topic aliases
mod limits; // topics within AWS's limits
mod subscriptions; // filters of this connection, and SUBSCRIBEs waiting for an answer

mod delivery; // a message on its way to many clients
mod outbound; // messages to the client: window and waiting room

mod close; // how a connection ends, and how something is refused

pub use close::{Close, CloseReason, Refusal};
pub use connection::Connection;
pub use delivery::Delivery;
pub use outbound::Handed;
pub use output::{
    Accepted, ConnectRequest, IncomingPublish, Output, Sequence, SubscribeRequest, UnsubscribeRequest, Will,
};
pub use rate::Rate;
pub use settings::{Settings, SettingsError};
