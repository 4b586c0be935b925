//! From HTTP to MQTT over WebSocket: the opening handshake at `/mqtt` (RFC 6455 §4.2; developer guide, "Device communication protocols").
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, request};
use hyper::upgrade::OnUpgrade;
use sekisho_workers::{Gateway, Peer};

use crate::websocket::WebSocket;
use crate::{Connections, mqtt};

/// Where MQTT over WebSocket is.
const PATH: &str = "/mqtt";
/// Its subprotocol ([MQTT-6.0.0-3]).
const SUBPROTOCOL: &str = "mqtt";
/// RFC 6455 §1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks to go on as a WebSocket where MQTT is.
pub fn is_upgrade(head: &request::Parts) -> bool {
    head.method == Method::GET && head.uri.path() == PATH && lists(&head.headers, UPGRADE, "websocket")
}

/// Why a request cannot go on as MQTT over WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoUpgrade {
    /// Client: another version of the protocol.
    #[error("Sec-WebSocket-Version is not 13")]
    Version,
    /// Client: something else that RFC 6455 §4.2.1 asks for.
    #[error("not an opening handshake of RFC 6455: {0}")]
    Handshake(&'static str),
    /// Client: MQTT is not among what it speaks.
    #[error("Sec-WebSocket-Protocol does not list `mqtt`")]
    Subprotocol,
    /// Client: later.
    #[error("no room for another device connection")]
    NoRoom,
}

impl NoUpgrade {
    /// What HTTP calls it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Version => StatusCode::UPGRADE_REQUIRED,
            Self::Handshake(_) | Self::Subprotocol => StatusCode::BAD_REQUEST,
            Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The answer to who asked.
    pub fn response(self) -> Response<String> {
        let mut response = Response::new(format!("{self}\n"));
        *response.status_mut() = self.status();
        if self == Self::Version {
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")); // RFC 6455 §4.4
        }
        response
    }
}

/// The answer to an opening handshake that is as it should be.
///
/// # Errors
/// [`NoUpgrade`].
pub fn handshake(head: &request::Parts) -> Result<Response<()>, NoUpgrade> {
    let headers = &head.headers;
    if head.version != Version::HTTP_11 {
        return Err(NoUpgrade::Handshake("it is not HTTP/1.1"));
    }
    if !lists(headers, CONNECTION, "upgrade") {
        return Err(NoUpgrade::Handshake("Connection does not list `Upgrade`"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(NoUpgrade::Version);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes).unwrap_or_default();
    if BASE64_STANDARD.decode(key).ok().is_none_or(|nonce| nonce.len() != 16) {
        return Err(NoUpgrade::Handshake("Sec-WebSocket-Key is not 16 bytes in base64"));
    }
    if !lists(headers, SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Err(NoUpgrade::Subprotocol);
    }
    let accept = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID.as_bytes()].concat());
    let accept = HeaderValue::from_str(&BASE64_STANDARD.encode(accept)).expect("base64 is visible ASCII");
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().extend([
        (UPGRADE, HeaderValue::from_static("websocket")),
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (SEC_WEBSOCKET_ACCEPT, accept),
        (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL)),
    ]);
    Ok(response)
}

/// Whether a header that is a list of tokens has this one, in whatever letter case.
fn lists(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    tokens.any(|listed| listed.trim().eq_ignore_ascii_case(token))
}

/// Takes over connections of the AWS APIs that go on as MQTT.
pub struct WebSockets {
    gateway: Arc<Gateway>,
    connections: Connections,
}

impl WebSockets {
    /// Connections go to `gateway`, and count among `connections`.
    pub fn new(gateway: Arc<Gateway>, connections: Connections) -> Self {
        Self { gateway, connections }
    }

    /// The answer to an opening handshake of `peer`. Once it is sent, its connection is served by a task of its own.
    ///
    /// # Errors
    /// [`NoUpgrade`].
    pub fn upgrade(&self, peer: Peer, head: &mut request::Parts) -> Result<Response<()>, NoUpgrade> {
        let response = handshake(head)?;
        let place = self.connections.place_now().ok_or(NoUpgrade::NoRoom)?;
        let upgrade = take_upgrade(head);
        let gateway = self.gateway.clone();
        tokio::spawn(async move {
            serve(upgrade, None, Arc::new(peer), gateway).await;
            drop(place);
        });
        Ok(response)
    }
}

/// What becomes of the connection a request came by.
pub(crate) fn take_upgrade(head: &mut request::Parts) -> OnUpgrade {
    let mut request = Request::new(());
    *request.extensions_mut() = std::mem::take(&mut head.extensions);
    hyper::upgrade::on(&mut request)
}

/// Serves MQTT over WebSocket once the handshake's answer is sent.
pub(crate) async fn serve(upgrade: OnUpgrade, presented: Option<Box<[u8]>>, peer: Arc<Peer>, gateway: Arc<Gateway>) {
    match upgrade.await {
        Ok(upgraded) => {
            let socket = WebSocket::upgraded(upgraded, presented, gateway.settings()).await;
            Box::pin(mqtt::serve(socket, peer, gateway)).await;
        }
        Err(error) => {
            tracing::debug!(peer = %peer.address, error = &error as &dyn std::error::Error, "no WebSocket after all");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: Version, headers: &[(&'static str, &str)]) -> request::Parts {
        let mut request = Request::builder().uri("/mqtt").version(version);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_opening_handshake() {
        const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
        type Case = (&'static str, Version, [&'static str; 5], Result<&'static str, NoUpgrade>);
        use NoUpgrade::{Handshake, Subprotocol, Version as OtherVersion};
        #[rustfmt::skip] // citation                        version            Upgrade,  Connection,              Version, Key, Protocol        Sec-WebSocket-Accept
        let table: &[Case] = &[
            ("RFC 6455 §1.3, its example",                  Version::HTTP_11, ["websocket", "Upgrade",             "13", KEY, "mqtt"],            Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
            ("RFC 6455 §4.2.1: tokens, whatever case",      Version::HTTP_11, ["WebSocket", "keep-alive, upgrade", "13", KEY, "mqttv3.1, mqtt"],  Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
            ("RFC 6455 §4.2.1: HTTP/1.1",                   Version::HTTP_10, ["websocket", "Upgrade",             "13", KEY, "mqtt"],            Err(Handshake("it is not HTTP/1.1"))),
            ("RFC 6455 §4.2.1: Connection",                 Version::HTTP_11, ["websocket", "close",               "13", KEY, "mqtt"],            Err(Handshake("Connection does not list `Upgrade`"))),
            ("RFC 6455 §4.2.2: version 13",                 Version::HTTP_11, ["websocket", "Upgrade",             "8",  KEY, "mqtt"],            Err(OtherVersion)),
            ("RFC 6455 §4.2.1: 16 bytes",                   Version::HTTP_11, ["websocket", "Upgrade",             "13", "AAAA", "mqtt"],         Err(Handshake("Sec-WebSocket-Key is not 16 bytes in base64"))),
            ("[MQTT-6.0.0-3]",                              Version::HTTP_11, ["websocket", "Upgrade",             "13", KEY, "wamp"],            Err(Subprotocol)),
        ];
        for (citation, version, [upgrade, connection, number, key, protocol], expected) in table {
            let headers = [
                ("upgrade", *upgrade),
                ("connection", connection),
                ("sec-websocket-version", number),
                ("sec-websocket-key", key),
                ("sec-websocket-protocol", protocol),
            ];
            let head = head(*version, &headers);
            assert!(is_upgrade(&head), "{citation}");
            let answer = handshake(&head);
            let accept = answer.as_ref().map(|answer| answer.headers()[SEC_WEBSOCKET_ACCEPT].to_str().unwrap());
            assert_eq!(accept.map_err(|error| *error), *expected, "{citation}");
        }
        let missing = head(Version::HTTP_11, &[("upgrade", "websocket"), ("connection", "Upgrade")]);
        assert_eq!(handshake(&missing).unwrap_err(), OtherVersion);
        assert!(!is_upgrade(&head(Version::HTTP_11, &[("upgrade", "h2c")])));
    }
}
