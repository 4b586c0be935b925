//! What belongs to one connection of HTTP, and not to one request: how its client called the server, and what a custom authorizer
//! granted on it. Each request carries it among its extensions.
use std::time::Instant;

use sekisho_workers::Custom;
use tokio::sync::Mutex;

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// The server's name in the handshake, empty if the client said none; `None` without TLS.
    pub server_name: Option<Box<str>>,
    /// What was granted last, where that is good for further requests. Whoever asks an authorizer holds it: one call at a time.
    pub remembered: Mutex<Option<Remembered>>,
}

/// What a custom authorizer granted.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// For what.
    pub brought: [u8; 32],
    /// To whom.
    pub custom: std::sync::Arc<Custom>,
    /// How long it is good.
    pub until: Instant,
}
