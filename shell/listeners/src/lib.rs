//! Sockets for devices. Bytes in, bytes out; every decision is the gate's or the gateway's.
mod accept; // TCP and the TLS handshake
mod connections; // how many at once
mod https; // publish over HTTPS
mod transport; // what carries it
mod mqtt; // one MQTT connection
mod tls; // versions, key exchange, whose certificate we show

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use sekisho_workers::Gateway;
use tokio::net::TcpListener;

pub use connections::{CONNECTIONS_MAX, Connections};
pub use sekisho_gate::Settings;
pub use tls::{ServerCertificate, config, config_for_everybody};

/// ALPN protocols of the MQTT port: none is needed, these are understood (developer guide, "Protocols").
pub const MQTT_PROTOCOLS: &[&[u8]] = &[b"x-amzn-mqtt-ca", b"mqtt"];
/// ALPN protocols of the AWS APIs' port.
pub const API_PROTOCOLS: &[&[u8]] = &[b"http/1.1"];
/// ALPN protocols of the HTTPS port.
pub const HTTPS_PROTOCOLS: &[&[u8]] = &[b"x-amzn-http-ca", b"http/1.1"];

/// The end of a certificate's validity is looked for this often at least: it is a time of the wall clock, which may be set.
const VALIDITY_LOOK_EVERY: Duration = Duration::from_secs(60);

/// MQTT over mutual TLS, until dropped.
pub async fn serve_mqtt(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    gateway: Arc<Gateway>,
    connections: Connections,
    settings: Arc<Settings>,
) {
    let serving = gateway.clone();
    let serve = move |tls, peer| mqtt::serve(tls, peer, serving.clone(), settings.clone());
    accept::accept(listener, tls, gateway, connections, serve).await;
}

/// MQTT without TLS, as `who`: a thing, or a certificate's id; until dropped.
pub async fn serve_plain_mqtt(
    listener: TcpListener,
    who: String,
    gateway: Arc<Gateway>,
    connections: Connections,
    settings: Arc<Settings>,
) {
    let serving = gateway.clone();
    let serve = move |stream, peer| mqtt::serve(stream, peer, serving.clone(), settings.clone());
    accept::accept_plain(listener, who, gateway, connections, serve).await;
}

/// HTTPS with a client certificate, until dropped.
pub async fn serve_https(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    gateway: Arc<Gateway>,
    connections: Connections,
) {
    let serving = gateway.clone();
    let serve = move |tls, peer| https::serve(tls, peer, serving.clone());
    accept::accept(listener, tls, gateway, connections, serve).await;
}
