//! One port for everything a device may speak: what the client offers by ALPN chooses (developer guide, "Device communication protocols":
//! port 443).
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::server::ClientHello;
use rustls::{Error, ServerConfig};
use sekisho_workers::{Credential, Custom, Gateway};

use crate::{
    Connections, Port, Served, ServerCertificate, TlsPolicy, TlsStream, accept, config, config_for_everybody, https,
    mqtt, with_certificate,
};

/// MQTT with a client certificate.
const MQTT_CA: &[u8] = b"x-amzn-mqtt-ca";
/// HTTPS with a client certificate.
const HTTP_CA: &[u8] = b"x-amzn-http-ca";
/// MQTT with what a custom authorizer believes.
const MQTT: &[u8] = b"mqtt";
/// HTTPS with a signature: what is meant, too, where nothing is offered.
const HTTP: &[u8] = b"http/1.1";

/// What is spoken where, in the order in which one is chosen of several.
const PROTOCOLS: [&[u8]; 4] = [MQTT_CA, HTTP_CA, MQTT, HTTP];

/// A configuration for each protocol.
#[derive(Clone, Debug)]
pub struct AlpnConfigs([Arc<ServerConfig>; 4]);

impl AlpnConfigs {
    /// All show `certificate`.
    ///
    /// # Errors
    /// As [`config`].
    pub fn new(certificate: &Arc<ServerCertificate>, policy: TlsPolicy) -> Result<Self, Error> {
        Ok(Self([
            config(certificate.clone(), policy, &[MQTT_CA])?,
            config(certificate.clone(), policy, &[HTTP_CA])?,
            config_for_everybody(certificate.clone(), policy, &[MQTT])?,
            config_for_everybody(certificate.clone(), policy, &[HTTP])?,
        ]))
    }

    /// For what a client offers. One who offers nothing that is spoken here is told so by the last (RFC 7301 §3.2).
    fn choose(&self, hello: &ClientHello<'_>) -> Arc<ServerConfig> {
        let offered: Vec<&[u8]> = hello.alpn().into_iter().flatten().collect();
        self.0[chosen(&offered)].clone()
    }
}

fn chosen(offered: &[&[u8]]) -> usize {
    PROTOCOLS.iter().position(|known| offered.contains(known)).unwrap_or(PROTOCOLS.len() - 1)
}

/// Everything on one port, until dropped. Whoever comes without a certificate is handed to `others`: HTTP, signed.
pub async fn serve_alpn(
    port: Port,
    configs: AlpnConfigs,
    gateway: Arc<Gateway>,
    connections: Connections,
    others: impl Fn(TlsStream, SocketAddr) -> Served + Clone + Send + Sync + 'static,
) {
    let serving = gateway.clone();
    let serve = move |tls: TlsStream, address| -> Option<Served> {
        let gateway = serving.clone();
        let spoken = tls.session().alpn_protocol().map(<[u8]>::to_vec);
        match spoken.as_deref() {
            Some(MQTT_CA) => with_certificate(tls, address, &serving, |tls, peer| mqtt::serve(tls, peer, gateway)),
            Some(HTTP_CA) => with_certificate(tls, address, &serving, |tls, peer| https::serve(tls, peer, gateway)),
            Some(MQTT) => {
                let server_name = tls.server_name().unwrap_or_default().into();
                let credential = Credential::Custom(Arc::new(Custom::new(Some(server_name), None)));
                let peer = accept::peer(&tls, address, credential, &gateway);
                Some(Box::pin(mqtt::serve(tls, peer, gateway)))
            }
            Some(_) | None => Some(others(tls, address)),
        }
    };
    accept::accept(port, move |hello: &ClientHello<'_>| configs.choose(hello), gateway, connections, serve).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, &'static [&'static [u8]], &'static [u8]);

    #[test]
    fn the_protocols_of_port_443() {
        #[rustfmt::skip] // developer guide, "Protocols"          offered                                spoken
        let table: &[Row] = &[
            ("MQTT, X.509, 443",                        &[b"x-amzn-mqtt-ca"],                         b"x-amzn-mqtt-ca"),
            ("HTTPS, X.509, 443",                       &[b"x-amzn-http-ca"],                         b"x-amzn-http-ca"),
            ("clients of libcurl offer theirs, too",    &[b"http/1.1", b"x-amzn-http-ca"],            b"x-amzn-http-ca"),
            ("MQTT, custom authentication, 443",        &[b"mqtt"],                                   b"mqtt"),
            ("MQTT over WebSocket, SigV4, 443",         &[],                                          b"http/1.1"),
            ("browsers",                                &[b"h2", b"http/1.1"],                        b"http/1.1"),
            ("nothing that is spoken here: refused",    &[b"h2"],                                     b"http/1.1"),
        ];
        for (row, offered, spoken) in table {
            assert_eq!(PROTOCOLS[chosen(offered)], *spoken, "{row}");
        }
    }
}
