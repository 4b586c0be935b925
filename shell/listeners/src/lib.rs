//! Sockets for devices. Bytes in, bytes out; every decision is the gate's or the gateway's.
mod accept; // TCP and the TLS handshake
mod proxy_protocol; // for whom a load balancer speaks
mod connections; // how many at once
mod write_deadline; // for HTTP clients who do not read
mod https; // publish, shadows and retained messages over HTTPS
mod upgrade; // from HTTP to WebSocket
mod websocket; // a WebSocket as a stream of bytes
mod transport; // what carries MQTT
mod mqtt; // one MQTT connection
mod alpn; // all of them on one port
mod tls_sessions; // kept for resumption
mod tls_hello; // what a client says first
mod tls_stream; // a connection of it
mod tls; // key exchange, whose certificate we show
mod tls_policy; // versions

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use sekisho_workers::{Gateway, Peer};
use tokio::net::TcpListener;

pub use accept::Port;
pub use alpn::{AlpnConfigs, serve_alpn};
pub use connections::{CONNECTIONS_MAX, Connections};
pub use https::HEADERS_MAX;
pub use tls::{ServerCertificate, config, config_for_everybody, details};
pub use tls_policy::TlsPolicy;
pub use tls_stream::TlsStream;
pub use upgrade::{NoUpgrade, WebSockets, is_upgrade};
pub use write_deadline::with_write_deadline;

/// ALPN protocols of the MQTT port: none is needed, these are understood (developer guide, "Protocols").
pub const MQTT_PROTOCOLS: &[&[u8]] = &[b"x-amzn-mqtt-ca", b"mqtt"];
/// ALPN protocols of the AWS APIs' port.
pub const API_PROTOCOLS: &[&[u8]] = &[b"http/1.1"];
/// ALPN protocols of the HTTPS port.
pub const HTTPS_PROTOCOLS: &[&[u8]] = &[b"x-amzn-http-ca", b"http/1.1"];

/// The end of a certificate's validity is looked for this often at least: it is a time of the wall clock, which may be set.
const VALIDITY_LOOK_EVERY: Duration = Duration::from_secs(60);

/// MQTT over mutual TLS, until dropped.
pub async fn serve_mqtt(port: Port, tls: Arc<ServerConfig>, gateway: Arc<Gateway>, connections: Connections) {
    let serving = gateway.clone();
    let serve = move |tls, address| {
        let gateway = serving.clone();
        with_certificate(tls, address, &serving, |tls, peer| mqtt::serve(tls, peer, gateway))
    };
    accept::accept(port, move |_: &_| tls.clone(), gateway, connections, serve).await;
}

/// MQTT without TLS, as `who`: a thing, or a certificate's id; until dropped.
pub async fn serve_plain_mqtt(listener: TcpListener, who: String, gateway: Arc<Gateway>, connections: Connections) {
    let serving = gateway.clone();
    let serve = move |stream, peer| -> Served { Box::pin(mqtt::serve(stream, peer, serving.clone())) };
    accept::accept_plain(listener, who, gateway, connections, serve).await;
}

/// HTTPS with a client certificate, and MQTT over WebSocket, until dropped.
pub async fn serve_https(port: Port, tls: Arc<ServerConfig>, gateway: Arc<Gateway>, connections: Connections) {
    let serving = gateway.clone();
    let serve = move |tls, address| {
        let gateway = serving.clone();
        with_certificate(tls, address, &serving, |tls, peer| https::serve(tls, peer, gateway))
    };
    accept::accept(port, move |_: &_| tls.clone(), gateway, connections, serve).await;
}

/// A connection to its end. In a box: what one becomes is known once its handshake is over, and each takes its own size and no more.
pub type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves whoever has shown a certificate.
fn with_certificate<F: Future<Output = ()> + Send + 'static>(
    tls: TlsStream,
    address: SocketAddr,
    gateway: &Gateway,
    serve: impl FnOnce(TlsStream, Arc<Peer>) -> F,
) -> Option<Served> {
    let Some(peer) = accept::by_certificate(&tls, address, gateway) else {
        gateway.refuse_stranger(address, "no client certificate".into());
        return None;
    };
    Some(Box::pin(serve(tls, peer)))
}
