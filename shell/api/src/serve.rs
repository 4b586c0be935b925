//! The listener: connections, their limits, and an orderly end.
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::{App, BodyError, front};

/// Connections open at once. And then: no more are accepted until one closes; the kernel's backlog holds those who wait.
const CONNECTIONS_MAX: usize = 4096;
/// How long a client may take to send a request's head (and may leave a connection idle between requests).
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of a request's head; S3 allows 8 KiB of headers, URLs come on top.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Streams open at once on an HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// How long requests under way may take once the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// How long to wait after `accept` failed, which means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers requests on `listener` (HTTP/1.1, or HTTP/2 with prior knowledge) until `shutdown`, then lets those under way
/// finish.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = ()> + Send) {
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
            Ok((stream, _)) => {
                let connection = connection(stream, app.clone(), stopping.clone());
                tokio::spawn(async move {
                    connection.await;
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
    if tokio::time::timeout(DRAIN_MAX, slots.acquire_many(all)).await.is_err() {
        tracing::warn!("requests were still under way when the server stopped");
    }
}

async fn connection(stream: TcpStream, app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let app = app.clone();
        async move {
            let request = request.map(|body| body.map_err(BodyError::from).boxed_unsync());
            Ok::<_, Infallible>(front::answer(app, request).await)
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let timer = TokioTimer::new();
    builder.http1().timer(timer.clone()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(HEAD_BYTES_MAX * 4);
    builder.http2().timer(timer).max_concurrent_streams(STREAMS_MAX).max_header_list_size(HEAD_BYTES_MAX as u32);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    // An error means that the sender is gone, which is a stop too.
    let stopped = async { drop(stopping.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "connection ended");
    }
}

#[cfg(test)]
mod tests;
