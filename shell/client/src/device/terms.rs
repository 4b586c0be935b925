//! What a device asks for, what it is granted, and what it hears.
use bytes::Bytes;
use sekisho_mqtt::{ProtocolVersion, QoS};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// How to introduce oneself.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// MQTT 3.1.1 or 5.
    pub version: ProtocolVersion,
    /// Empty: the server chooses one.
    pub client_id: String,
    /// Seconds; 0 turns the mechanism off.
    pub keep_alive_s: u16,
    /// Clean Start, in 3.1.1 Clean Session.
    pub clean_start: bool,
}

impl ConnectOptions {
    /// MQTT 3.1.1, a clean session, a keep alive of 30 s.
    pub fn new(client_id: &str) -> Self {
        Self { version: ProtocolVersion::V311, client_id: client_id.into(), keep_alive_s: 30, clean_start: true }
    }

    /// The same in another version of the protocol.
    pub fn version(self, version: ProtocolVersion) -> Self {
        Self { version, ..self }
    }
}

/// A message somebody published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// As delivered.
    pub qos: QoS,
    /// Kept from before the subscription.
    pub retain: bool,
}

/// What the two sides agreed on.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// Such as `TLSv1_3`.
    pub tls_version: String,
    /// Such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// Such as `X25519MLKEM768`.
    pub key_exchange_group: String,
    /// Whether the server resumed a session.
    pub session_present: bool,
}

impl Negotiated {
    pub(super) fn of(stream: &TlsStream<TcpStream>) -> Self {
        let (_, session) = stream.get_ref();
        let name = |found: Option<String>| found.unwrap_or_else(|| "none".into());
        Self {
            tls_version: name(session.protocol_version().map(|version| format!("{version:?}"))),
            cipher_suite: name(session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()))),
            key_exchange_group: name(
                session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            ),
            session_present: false,
        }
    }
}
