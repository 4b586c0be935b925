//! HTTPS for devices, with the client certificate: `POST /topics/{topic}?qos=` (developer guide, "HTTPS"), device shadows and retained
//! messages (developer guide, "Device Shadow REST API"; iot-data model), the end of another client's connection, and
//! temporary credentials (developer guide, "Authorizing direct calls to AWS services").
mod connections; // other clients' connections
mod credentials; // what a certificate is exchanged for
mod documents; // shadows and retained messages
mod route; // which operation is this?

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use sekisho_gate::Refusal;
use sekisho_workers::{Gateway, Peer, PublishRequest};
use serde_json::Value;

use self::documents::{Query, decoded};
use self::route::Operation;
use crate::VALIDITY_LOOK_EVERY;
use crate::tls_stream::TlsStream;
use crate::transport::Transport;
use crate::upgrade::{self, NoUpgrade};
use crate::with_write_deadline;

/// Headers must have come by then, the first and those of each request after it.
pub const HEADERS_MAX: Duration = Duration::from_secs(10);
/// Bytes of a request's head: a topic of 256 bytes, percent-encoded, and ample headers. And then: 431. A connection buffers no more
/// of a body than this either.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// And the body this long after them: a payload of 128 KiB at 44 kbit/s. And then: 408, and the connection is closed.
const BODY_MAX: Duration = Duration::from_secs(24);

/// Serves one connection, keep-alive included. Each request is authorized anew, before its body is kept and after; and a connection
/// whose certificate is not let in (any more) ends by itself, after the request under way. One that asks for it goes on as MQTT over
/// WebSocket.
pub async fn serve(tls: TlsStream, peer: Arc<Peer>, gateway: Arc<Gateway>) {
    let presented: Option<Box<[u8]>> = tls.presented().map(Into::into);
    let requests = Box::pin(requests(tls, peer.clone(), gateway.clone()));
    if let Some(socket) = requests.await {
        upgrade::serve(socket, presented, peer, gateway).await;
    }
}

/// Answers requests until the connection ends, or goes on as something else.
async fn requests(tls: TlsStream, peer: Arc<Peer>, gateway: Arc<Gateway>) -> Option<OnUpgrade> {
    let socket = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let (gateway, peer, socket) = (gateway.clone(), peer.clone(), socket.clone());
        async move {
            let (mut head, body) = request.into_parts();
            if upgrade::is_upgrade(&head) {
                let response = upgrade::handshake(&head);
                if response.is_ok() {
                    *socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade::take_upgrade(&mut head));
                }
                return Ok::<_, Infallible>(or_leaves(opened(response), &gateway, &peer));
            }
            Ok(or_leaves(answer(&gateway, &peer, Request::from_parts(head, body)).await, &gateway, &peer))
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
    let stream = with_write_deadline(tls, TlsStream::socket);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    let link = gateway.open_link(gateway.links().next_id(), &peer);
    let look_in = || gateway.valid_for(&peer).map(|left| left.min(VALIDITY_LOOK_EVERY));
    let mut validity = look_in().map(|left| Box::pin(tokio::time::sleep(left)));
    let served = poll_fn(|context| {
        while validity.as_mut().is_some_and(|end| end.as_mut().poll(context).is_ready()) {
            validity = look_in().map(|left| Box::pin(tokio::time::sleep(left)));
            if validity.is_none() {
                connection.as_mut().graceful_shutdown();
            }
        }
        let (signals, _) = link.look(context.waker());
        if signals.shutdown || signals.changed && !gateway.is_let_in(&peer) {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(context)
    });
    let served = served.await;
    gateway.links().close(&link);
    if let Err(error) = served {
        tracing::debug!(peer = %peer.address, error = &error as &dyn std::error::Error, "HTTPS connection ended");
    }
    socket.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The answer to an opening handshake of RFC 6455.
fn opened(response: Result<Response<()>, NoUpgrade>) -> Response<Full<Bytes>> {
    match response {
        Ok(response) => response.map(|()| Full::default()),
        Err(refused) => refused.response().map(|text| Full::new(Bytes::from(text))),
    }
}

struct Failure(StatusCode, &'static str, String);

async fn answer(gateway: &Gateway, peer: &Peer, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let trace_id = uuid::Uuid::from_bytes(sekisho_types::Random::array(&mut gateway.state().random())).to_string();
    let say = |message: &str| serde_json::json!({ "message": message, "traceId": trace_id });
    let (status, kind, body) = match perform(gateway, peer, request).await {
        Ok(None) => (StatusCode::OK, None, say("OK")),
        Ok(Some(document)) => (StatusCode::OK, None, document),
        Err(Failure(status, kind, message)) => (status, Some(kind), say(&message)),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(kind) = kind.and_then(|kind| HeaderValue::from_str(&format!("{kind}:")).ok()) {
        headers.insert("x-amzn-errortype", kind);
    }
    response
}

/// Whoever is not let in has one answer, and makes room.
fn or_leaves(mut response: Response<Full<Bytes>>, gateway: &Gateway, peer: &Peer) -> Response<Full<Bytes>> {
    let went_well = response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if !went_well && !gateway.is_let_in(peer) {
        response.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The document a request asks for, if it is no message.
async fn perform(gateway: &Gateway, peer: &Peer, request: Request<Incoming>) -> Result<Option<Value>, Failure> {
    let path = request.uri().path().to_owned();
    match route::route(request.method(), &path)? {
        (Operation::Publish, topic) => publish(gateway, peer, topic, request).await.map(|()| None),
        (Operation::AssumeRole, label) => credentials::answer(gateway, peer, label, request).await.map(Some),
        (Operation::DeleteConnection, label) => connections::delete(gateway, peer, label, request).await.map(|()| None),
        (Operation::Document(asked), label) => documents::answer(gateway, peer, asked, label, request).await.map(Some),
    }
}

async fn publish(gateway: &Gateway, peer: &Peer, raw: &str, request: Request<Incoming>) -> Result<(), Failure> {
    let announced = announced(raw, &request)?.check(gateway.settings()).map_err(|error| invalid(&error.to_string()))?;
    if gateway.may_publish_https(peer, &announced.topic, announced.retain).is_err() {
        discard(gateway, request.into_body()).await?;
        return Err(forbidden());
    }
    let payload = collect(gateway, request.into_body()).await?;
    let published = gateway.publish_https(Instant::now(), peer, announced.with(&payload));
    let owed = published.map_err(|refusal| match refusal {
        Refusal::NotAuthorized => forbidden(),
        _ => unavailable(),
    })?;
    gateway.state().journal().wait_durable(owed).await.map_err(|_| unavailable())
}

/// What query and headers say of a message (iot-data model: PublishRequest).
fn announced(raw: &str, request: &Request<Incoming>) -> Result<PublishRequest, Failure> {
    let query = Query(request.uri().query().unwrap_or_default().to_owned());
    let header = |name: &str| -> Result<Option<String>, Failure> {
        let text =
            |value: &HeaderValue| value.to_str().map(str::to_owned).map_err(|_| invalid(&format!("{name} is no text")));
        request.headers().get(name).map(text).transpose()
    };
    let number = |name: &str| -> Result<Option<u32>, Failure> {
        let parse = |text: String| text.parse().map_err(|_| invalid(&format!("{name} is no number")));
        query.get(name)?.map(parse).transpose()
    };
    Ok(PublishRequest {
        topic: decoded(raw)?,
        qos: number("qos")?.map(|qos| u8::try_from(qos).unwrap_or(u8::MAX)),
        retain: Some(query.flag("retain")?),
        user_properties: header("x-amz-mqtt5-user-properties")?,
        payload_format_indicator: header("x-amz-mqtt5-payload-format-indicator")?,
        content_type: query.get("contentType")?,
        response_topic: query.get("responseTopic")?,
        correlation_data: header("x-amz-mqtt5-correlation-data")?,
        message_expiry: number("messageExpiry")?,
    })
}

fn invalid(message: &str) -> Failure {
    Failure(StatusCode::BAD_REQUEST, "InvalidRequestException", message.into())
}

fn forbidden() -> Failure {
    Failure(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden".into())
}

fn unavailable() -> Failure {
    Failure(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", "Service unavailable".into())
}

/// The payload of somebody who may send one.
async fn collect(gateway: &Gateway, body: Incoming) -> Result<Bytes, Failure> {
    let body = in_time(Limited::new(body, gateway.settings().payload_bytes_max).collect()).await?;
    body.map(http_body_util::Collected::to_bytes).map_err(|error| cut_short(&*error))
}

/// Reads the body of somebody who may not, and keeps nothing: a client that still sends would see its connection reset instead
/// of the answer.
async fn discard(gateway: &Gateway, body: Incoming) -> Result<(), Failure> {
    let mut body = Limited::new(body, gateway.settings().payload_bytes_max);
    in_time(async {
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| cut_short(&*error))?;
        }
        Ok(())
    })
    .await?
}

async fn in_time<F: Future>(body: F) -> Result<F::Output, Failure> {
    tokio::time::timeout(BODY_MAX, body).await.map_err(|_| {
        let message = format!("the body did not come within {} s", BODY_MAX.as_secs());
        Failure(StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException", message)
    })
}

fn cut_short(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Failure {
    if error.is::<LengthLimitError>() {
        let message = "The payload exceeds the maximum size allowed".into();
        return Failure(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message);
    }
    Failure(StatusCode::BAD_REQUEST, "InvalidRequestException", "the body ended early".into())
}
