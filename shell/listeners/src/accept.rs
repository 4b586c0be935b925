//! Accepting devices: a socket, a TLS handshake with a deadline, and whose certificate it was.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use sekisho_identity::PresentedCertificate;
use sekisho_workers::{Gateway, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Connections;

/// A handshake that takes longer is given up: whoever holds one open holds a socket.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way at once. And then: the kernel's backlog holds the next.
const HANDSHAKES_MAX: usize = 1024;
/// After an error of accept (no file descriptors), wait before the next try.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Accepts until dropped, and hands each connection whose handshake succeeded to `serve`, in a task of its own.
pub async fn accept<S, F>(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    gateway: Arc<Gateway>,
    connections: Connections,
    serve: S,
) where
    S: Fn(TlsStream<TcpStream>, Peer) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let acceptor = TlsAcceptor::from(tls);
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(permit) = handshakes.clone().acquire_owned().await else { return };
        let place = connections.place().await;
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (acceptor, gateway, serve) = (acceptor.clone(), gateway.clone(), serve.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let handshake = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await;
            drop(permit);
            match handshake {
                Ok(Ok(tls)) => match peer(&tls, address) {
                    Some(peer) => serve(tls, peer).await,
                    None => gateway.refuse_stranger(address, "no client certificate".into()),
                },
                Ok(Err(error)) => gateway.refuse_stranger(address, error.to_string()),
                Err(_) => gateway.refuse_stranger(address, "the handshake took too long".into()),
            }
            drop(place);
        });
    }
}

/// Who showed which certificate. A resumed session keeps the certificate of its first handshake.
fn peer(tls: &TlsStream<TcpStream>, address: SocketAddr) -> Option<Peer> {
    let end_entity = tls.get_ref().1.peer_certificates()?.first()?;
    Some(Peer { address, certificate_id: PresentedCertificate::id_of(end_entity) })
}
