//! The listener: connections, TLS or not, their limits, and an orderly end.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use sekisho_listeners::{HEADERS_MAX, TlsStream, with_write_deadline};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::wire::Wire;
use crate::{App, BodyError, Door, Peer, front};

/// Connections open at once. And then: no more are accepted until one closes; the kernel's backlog holds those who wait.
const CONNECTIONS_MAX: usize = 4096;
/// How long a client may take to send a request's head (and may leave a connection idle between requests). On the devices' port it is
/// [`HEADERS_MAX`], as it is there for who comes with a certificate.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// A handshake that takes longer is given up.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// The first byte of a TLS connection (RFC 8446 §5.1: a record of the type handshake); no HTTP method begins with it.
const TLS_HANDSHAKE: u8 = 22;
/// Bytes of a request's head; S3 allows 8 KiB of headers, URLs come on top.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Streams open at once on an HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// How long requests under way may take once the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// How long to wait after `accept` failed, which means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers requests on `listener` (HTTP/1.1, or HTTP/2 with prior knowledge; over TLS or plain, as the client begins) until
/// `shutdown`, then lets those under way finish.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (stop, stopping) = watch::channel(false);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut shutdown = pin!(shutdown);
    loop {
        let accept = async {
            let slot = slots.clone().acquire_owned().await.expect("the semaphore is never closed");
            (listener.accept().await, slot)
        };
        let (accepted, slot) = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let (tls, app, stopping) = (tls.clone(), app.clone(), stopping.clone());
                tokio::spawn(async move {
                    if let Err(error) = connection(stream, address, tls, app, stopping).await {
                        tracing::debug!(%error, %address, "connection ended");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let _ = stop.send(true);
    // Every connection holds a slot; all slots free means that all have ended.
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    if timeout(DRAIN_MAX, slots.acquire_many(all)).await.is_err() {
        tracing::warn!("requests were still under way when the server stopped");
    }
}

/// One connection, as its first byte says.
async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    app: Arc<App>,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let mut first = [0];
    let began = tokio::select! {
        began = timeout(HEAD_TIMEOUT, stream.peek(&mut first)) => began.map_err(|_| io::ErrorKind::TimedOut)??,
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    };
    if began == 0 {
        return Ok(());
    }
    if first == [TLS_HANDSHAKE] {
        let stream =
            timeout(HANDSHAKE_MAX, TlsStream::accept(stream, tls)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        tls_requests(stream, address, Door::Apis, app, stopping).await;
    } else {
        let stream = with_write_deadline(stream, |socket| socket);
        requests(stream, Peer::new(address, false), None, app, stopping).await;
    }
    Ok(())
}

/// Answers requests of a device that signs, on a connection to the devices' port whose handshake is done.
pub async fn serve_devices(stream: TlsStream, address: SocketAddr, app: Arc<App>, stopping: watch::Receiver<bool>) {
    tls_requests(stream, address, Door::Devices, app, stopping).await;
}

async fn tls_requests(
    stream: TlsStream,
    address: SocketAddr,
    door: Door,
    app: Arc<App>,
    stopping: watch::Receiver<bool>,
) {
    let peer = Peer::over_tls(address, stream.session(), door);
    let server_name = stream.server_name().unwrap_or_default().into();
    requests(with_write_deadline(stream, TlsStream::socket), peer, Some(server_name), app, stopping).await;
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    server_name: Option<Box<str>>,
    app: Arc<App>,
    mut stopping: watch::Receiver<bool>,
) {
    let (under_way, mut requests) = watch::channel(0_usize);
    let under_way = Arc::new(under_way);
    let wire = Arc::new(Wire { server_name, ..Wire::default() });
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (app, wire, request_under_way) = (app.clone(), wire.clone(), UnderWay::begin(under_way.clone()));
        async move {
            let _request_under_way = request_under_way;
            let mut request = request.map(|body| body.map_err(BodyError::from).boxed_unsync());
            request.extensions_mut().insert(wire);
            Ok::<_, Infallible>(front::answer(app, peer, request).await)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let head_max = match peer.door {
        Door::Apis => HEAD_TIMEOUT,
        Door::Devices => HEADERS_MAX,
    };
    let timer = TokioTimer::new();
    builder.http1().timer(timer.clone()).header_read_timeout(head_max).max_buf_size(HEAD_BYTES_MAX * 4);
    builder
        .http2()
        .keep_alive_interval(HEAD_TIMEOUT / 2)
        .timer(timer)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32);
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    // An error means that the sender is gone, which is a stop too.
    let stopped = async { drop(stopping.wait_for(|stop| *stop).await) };
    // HTTP/2 has no such limit of its own (its keep-alive asks whether somebody is there), and HTTP/1 none before the first request.
    let idle = async {
        let mut asked = false;
        while requests.wait_for(|under_way| *under_way == 0).await.is_ok() {
            if tokio::time::timeout(head_max, requests.changed()).await.is_err() {
                break;
            }
            asked = true;
        }
        asked
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        asked = idle => {
            if !asked {
                return;
            }
            // What is still being read of an answer may be read to its end.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "connection ended");
    }
}

/// A request under way.
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn begin(under_way: Arc<watch::Sender<usize>>) -> Self {
        under_way.send_modify(|under_way| *under_way += 1);
        Self(under_way)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|under_way| *under_way -= 1);
    }
}

#[cfg(test)]
mod tests;
