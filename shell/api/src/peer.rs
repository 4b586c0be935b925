//! Who is at the other end of a connection, and whether others can read along.
use std::net::SocketAddr;

use sekisho_workers::TlsDetails;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it connects from.
    pub address: SocketAddr,
    /// Whether the connection is TLS: `aws:SecureTransport`.
    pub secure: bool,
    /// What its handshake agreed on.
    pub tls: Option<TlsDetails>,
    /// Where it came in.
    pub door: Door,
}

/// The ports on which AWS APIs are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The operator's: every service.
    Apis,
    /// The devices': what a device asks for, signed (developer guide, "Device communication protocols": HTTPS and SigV4 on 443).
    Devices,
}

impl Peer {
    /// Somebody at the operator's port.
    pub const fn new(address: SocketAddr, secure: bool) -> Self {
        Self { address, secure, tls: None, door: Door::Apis }
    }

    /// Somebody whose TLS handshake is done.
    pub(crate) fn over_tls(address: SocketAddr, session: &rustls::CommonState, door: Door) -> Self {
        Self { address, secure: true, tls: sekisho_listeners::details(session), door }
    }

    /// Whether nobody but this machine sees what is said: TLS, or a connection that does not leave it.
    pub(crate) fn is_private(&self) -> bool {
        self.secure || self.address.ip().to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_is_tls_or_this_machine() {
        #[rustfmt::skip] // from               TLS    private
        const PEERS: &[(&str,                  bool,  bool)] = &[
            ("127.0.0.1:4000",                 false, true),
            ("127.9.9.9:4000",                 false, true),
            ("[::1]:4000",                     false, true),
            ("[::ffff:127.0.0.1]:4000",        false, true), // a listener for both families sees it so
            ("10.0.0.7:4000",                  false, false),
            ("[fe80::1]:4000",                 false, false),
            ("10.0.0.7:4000",                  true,  true),
        ];
        for &(address, secure, private) in PEERS {
            let peer = Peer::new(address.parse().unwrap(), secure);
            assert_eq!(peer.is_private(), private, "{peer:?}");
        }
    }
}
