//! Accepting devices: a socket, a TLS handshake with a deadline, and whose certificate it was.
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::server::ClientHello;
use sekisho_identity::PresentedCertificate;
use sekisho_workers::{Credential, Gateway, Peer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::tls_hello::Hello;
use crate::tls_stream::TlsStream;
use crate::{Connections, Served, proxy_protocol, tls};

/// A handshake that takes longer is given up: whoever holds one open holds a socket.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes under way at once on a port, and no more than a quarter of all places; one that is not finished holds up to 128 KiB.
/// And then: the kernel's backlog holds the next, and the slow give way, see [`PATIENCE`].
const HANDSHAKES_MAX: usize = 2048;
/// While others wait for their handshake, a client may take so long for its next flight. One that sends nothing, or a ClientHello and
/// nothing more, costs its holder little; it must not cost every device [`HANDSHAKE_MAX`].
const PATIENCE: Duration = Duration::from_secs(2);
/// After an error of accept (no file descriptors), wait before the next try.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A port for devices.
#[derive(Debug)]
pub struct Port {
    /// Where they come.
    pub listener: TcpListener,
    /// Whether they come through a proxy that says whom it speaks for ([`crate::proxy_protocol`]). Then nobody else is let in.
    pub proxied: bool,
}

/// Accepts until dropped, chooses a configuration by what the client says first, and runs what `serve` makes of each connection whose
/// handshake succeeded, in a task of its own.
pub async fn accept<C, S>(port: Port, config: C, gateway: Arc<Gateway>, connections: Connections, serve: S)
where
    C: Fn(&ClientHello<'_>) -> Arc<ServerConfig> + Clone + Send + Sync + 'static,
    S: Fn(TlsStream, SocketAddr) -> Option<Served> + Clone + Send + Sync + 'static,
{
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX.min(connections.most() / 4).max(1)));
    let (crowded, _) = watch::channel(false);
    loop {
        crowded.send_replace(handshakes.available_permits() == 0);
        let Ok(permit) = handshakes.clone().acquire_owned().await else { return };
        crowded.send_replace(false);
        let (stream, address, place) = next(&port.listener, &connections).await;
        let (config, crowded, proxied) = (config.clone(), crowded.subscribe(), port.proxied);
        let (gateway, serve) = (gateway.clone(), serve.clone());
        let begin = async move {
            let mut from = address;
            let handshake = shake_hands(stream, proxied.then_some(&mut from), config, crowded);
            match tokio::time::timeout(HANDSHAKE_MAX, handshake).await {
                Ok(Ok(tls)) => return serve(tls, from),
                Ok(Err(error)) => gateway.refuse_stranger(from, error.to_string()),
                Err(_) => gateway.refuse_stranger(from, "the handshake took too long".into()),
            }
            None
        };
        let begin = Box::pin(begin); // most of a task's size, and not needed any more where most of its life is spent
        tokio::spawn(async move {
            let served = begin.await;
            drop(permit);
            if let Some(served) = served {
                served.await;
            }
            drop(place);
        });
    }
}

/// The same without TLS: whoever comes is taken to have shown the certificate of `who`.
pub async fn accept_plain<S>(
    listener: TcpListener,
    who: String,
    gateway: Arc<Gateway>,
    connections: Connections,
    serve: S,
) where
    S: Fn(TcpStream, Arc<Peer>) -> Served,
{
    loop {
        let (stream, address, place) = next(&listener, &connections).await;
        match gateway.certificate_of(&who) {
            Some(certificate_id) => {
                let credential = Credential::Certificate(certificate_id);
                let served = serve(stream, Arc::new(Peer { address, credential, domain_name: None, tls: None }));
                tokio::spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            None => gateway.refuse_stranger(
                address,
                format!("`{who}` is no thing with an active certificate, and no certificate"),
            ),
        }
    }
}

/// The next who comes, once there is a place.
async fn next(listener: &TcpListener, connections: &Connections) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
    let place = connections.place().await;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let _ = stream.set_nodelay(true);
                return (stream, address, place);
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// `from` is where there is a proxy between us: whom it speaks for is written there.
async fn shake_hands(
    mut stream: TcpStream,
    from: Option<&mut SocketAddr>,
    config: impl Fn(&ClientHello<'_>) -> Arc<ServerConfig>,
    mut crowded: watch::Receiver<bool>,
) -> io::Result<TlsStream> {
    if let Some(from) = from
        && let Some(source) = give_way(&mut crowded, proxy_protocol::read(&mut stream)).await?
    {
        *from = source;
    }
    let hello = give_way(&mut crowded, Hello::read(stream)).await?;
    let config = config(&hello.client_hello());
    give_way(&mut crowded, hello.into_stream(config)).await
}

/// Waits for a flight of the client, but not longer than [`PATIENCE`] while others wait.
async fn give_way<T>(
    crowded: &mut watch::Receiver<bool>,
    flight: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let too_slow = async {
        tokio::time::sleep(PATIENCE).await;
        if crowded.wait_for(|crowded| *crowded).await.is_err() {
            std::future::pending::<()>().await; // nobody is accepted any more, and so nobody waits
        }
    };
    tokio::select! {
        biased;
        done = flight => done,
        () = too_slow => Err(io::Error::new(io::ErrorKind::TimedOut, "the handshake gave way to others that waited")),
    }
}

/// Who showed which certificate. A resumed session keeps the certificate of its first handshake.
pub fn by_certificate(tls: &TlsStream, address: SocketAddr, gateway: &Gateway) -> Option<Arc<Peer>> {
    let certificate_id = PresentedCertificate::id_of(tls.session().peer_certificates()?.first()?);
    Some(peer(tls, address, Credential::Certificate(certificate_id), gateway))
}

/// Who came with what.
pub fn peer(tls: &TlsStream, address: SocketAddr, credential: Credential, gateway: &Gateway) -> Arc<Peer> {
    let domain_name = tls.server_name().and_then(|called| gateway.domain_name(called));
    let tls = tls::details(tls.session());
    tracing::debug!(%address, tls = tls.map(tracing::field::display), "handshake done");
    Arc::new(Peer { address, credential, domain_name, tls })
}
