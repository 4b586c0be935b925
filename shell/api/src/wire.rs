//! What belongs to one connection of HTTP, and not to one request: how its client called the server, and what a custom authorizer
//! granted on it. Each request carries it among its extensions.
use std::sync::{Arc, Mutex};
use std::time::Instant;

use sekisho_workers::{Custom, DomainName};

use crate::App;

/// One connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    /// The server's name in the handshake, empty if the client said none; `None` without TLS.
    pub server_name: Option<Box<str>>,
    /// What was granted last, where that is good for further requests.
    pub remembered: Mutex<Option<Remembered>>,
}

impl Wire {
    /// Which of the server's names the client called, as policies ask for it (`iot:DomainName`).
    pub(crate) fn domain_name(&self, app: &App) -> Option<DomainName> {
        app.ingest.domain_name(self.server_name.as_deref().filter(|name| !name.is_empty())?)
    }

    /// The same, as it is written.
    pub(crate) fn called<'a>(&self, app: &'a App) -> Option<&'a str> {
        let called = self.server_name.as_deref()?;
        app.settings.hostnames.iter().map(String::as_str).find(|known| known.eq_ignore_ascii_case(called))
    }
}

/// That of a request.
pub(crate) fn wire(head: &http::request::Parts) -> Arc<Wire> {
    head.extensions.get::<Arc<Wire>>().cloned().unwrap_or_default()
}

/// What a custom authorizer granted.
#[derive(Debug)]
pub(crate) struct Remembered {
    /// For what.
    pub brought: [u8; 32],
    /// To whom.
    pub custom: Arc<Custom>,
    /// How long it is good.
    pub until: Instant,
}
