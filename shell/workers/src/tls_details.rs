//! What a handshake agreed on, by the numbers of IANA's "Transport Layer Security (TLS) Parameters": a connection keeps no text for it.
use std::fmt;

/// What a handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsDetails {
    /// The version, as in its `ProtocolVersion`: 0x0303 is 1.2.
    pub version: u16,
    /// The cipher suite.
    pub cipher: u16,
    /// The group the keys were exchanged in; none where a session of TLS 1.2 was resumed.
    pub group: Option<u16>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

impl TlsDetails {
    /// `TLSv1.3`, for example.
    pub const fn version_name(self) -> &'static str {
        match self.version {
            0x0303 => "TLSv1.2",
            0x0304 => "TLSv1.3",
            _ => "unknown",
        }
    }

    /// `TLS_AES_128_GCM_SHA256`, for example.
    pub const fn cipher_name(self) -> &'static str {
        match self.cipher {
            0x1301 => "TLS_AES_128_GCM_SHA256",
            0x1302 => "TLS_AES_256_GCM_SHA384",
            0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
            0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            _ => "unknown",
        }
    }

    /// `X25519MLKEM768`, for example; `-` where no keys were exchanged.
    pub const fn group_name(self) -> &'static str {
        match self.group {
            None => "-",
            Some(0x0017) => "secp256r1",
            Some(0x0018) => "secp384r1",
            Some(0x001d) => "x25519",
            Some(0x11eb) => "SecP256r1MLKEM768",
            Some(0x11ec) => "X25519MLKEM768",
            Some(_) => "unknown",
        }
    }
}

impl fmt::Display for TlsDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resumed = if self.resumed { ", resumed" } else { "" };
        write!(f, "{} {} {}{resumed}", self.version_name(), self.cipher_name(), self.group_name())
    }
}
