//! The operator's port: is it ready, what are its figures, why was somebody refused? Whoever has the token of this start may
//! also change certificate authorities, and see what delivery streams hold.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use sekisho_audit::{Call, Record};
use sekisho_blobs::ObjectStore;
use sekisho_journal::JournalError;
use sekisho_state::State;
use sekisho_types::Secret;
use sekisho_workers::{Decisions, DeliveryStreams, Gateway, Revocation};
use tokio::net::TcpListener;

use crate::bucket::Reseal;
use crate::lines::Lines;
use crate::provision::Rehearsal;
use crate::{ca, client, policy, rule, stream};

/// A revocation list of a million certificates has about 40 MB.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

type Body = BoxBody<Bytes, Infallible>;

/// What a command answers.
enum Answer {
    Text(String),
    /// Lines for as long as somebody reads them.
    Lines(Lines),
}

/// What the port answers from.
pub struct Admin {
    /// Set once every listener is open.
    pub ready: AtomicBool,
    /// Renders the figures.
    pub figures: PrometheusHandle,
    /// The refusals of late.
    pub decisions: Arc<Decisions>,
    /// What the commands change.
    pub state: Arc<State>,
    /// Objects and their bodies.
    pub objects: Arc<ObjectStore>,
    /// Clients and their connections.
    pub gateway: Arc<Gateway>,
    /// The delivery streams.
    pub streams: Arc<DeliveryStreams>,
    /// Who takes revocation lists in.
    pub revocation: Arc<Revocation>,
    /// Who may.
    pub token: Secret,
}

/// Answers until the task is dropped.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    loop {
        let Ok((stream, address)) = listener.accept().await else { continue };
        let admin = admin.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let admin = admin.clone();
                // A command goes on, and is recorded, though whoever gave it hangs up.
                let answered = tokio::spawn(async move { admin.answer(address, request).await });
                async move {
                    let failed = |_| respond(500, "text/plain", "the command failed\n".to_owned());
                    Ok::<_, Infallible>(answered.await.unwrap_or_else(failed))
                }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "admin connection ended");
            }
        });
    }
}

impl Admin {
    async fn answer(&self, from: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        if request.method() == http::Method::POST {
            let path = request.uri().path().to_owned();
            let outcome = self.command(request).await;
            let status = outcome.as_ref().map_or_else(|(status, _)| *status, |_| 200);
            if let Err(error) = self.record(from, &path, status).await {
                return respond(500, "text/plain", format!("the command cannot be recorded: {error}\n"));
            }
            return match outcome {
                Ok(Answer::Text(body)) => respond(200, "text/plain", body),
                Ok(Answer::Lines(lines)) => Response::new(lines.boxed()),
                Err((status, body)) => respond(status, "text/plain", body),
            };
        }
        let (status, kind, body) = match (request.method().as_str(), request.uri().path()) {
            ("GET" | "HEAD", "/healthz") if self.ready.load(Ordering::Acquire) => {
                (200, "text/plain", "ready\n".to_owned())
            }
            ("GET" | "HEAD", "/healthz") => (503, "text/plain", "starting\n".to_owned()),
            ("GET", "/metrics") => {
                self.streams.measure();
                self.gateway.measure_rules();
                (200, "text/plain; version=0.0.4", self.figures.render())
            }
            ("GET", "/why") => (200, "application/json", self.why(request.uri().query().unwrap_or_default())),
            _ => (404, "text/plain", "this port answers GET /healthz, /metrics and /why?q=TEXT\n".to_owned()),
        };
        respond(status, kind, body)
    }

    /// Records a command, but not one of somebody who has no token.
    async fn record(&self, from: SocketAddr, path: &str, status: u16) -> Result<(), JournalError> {
        let Some(audit) = self.state.audit().filter(|_| status != 403) else { return Ok(()) };
        let record = Record::Call(Call {
            time: self.state.now(),
            request_id: "",
            access_key_id: "admin.token",
            from,
            tls: false,
            service: "admin",
            operation: path,
            resource: "",
            context: None,
            status,
            error: None,
        });
        audit.written(audit.append(&record)?).await
    }

    /// A change, or what only few may see, by whoever knows the token.
    async fn command(&self, request: Request<Incoming>) -> Result<Answer, (u16, String)> {
        let given = request.headers().get(http::header::AUTHORIZATION).map(http::HeaderValue::as_bytes);
        let given = given.and_then(|value| value.strip_prefix(b"Bearer ")).unwrap_or_default();
        if Secret::new(given.to_vec()) != self.token {
            return Err((403, "the token in DIR/admin.token is needed\n".to_owned()));
        }
        let path = request.uri().path().to_owned();
        let body = match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Err((413, format!("{error}\n"))),
        };
        let done = match path.as_str() {
            "/provision/rehearse" => Some(
                serde_json::from_slice::<Rehearsal>(&body)
                    .map_err(Into::into)
                    .and_then(|rehearsal| rehearsal.run(&self.state))
                    .map(|text| format!("{text}\n")),
            ),
            "/policy/test" => Some(policy::answer(&self.state, &body)),
            "/stream/tail" => {
                let tail = stream::tail(&self.streams, &body).map_err(|error| (400, format!("{error:#}\n")))?;
                return Ok(Answer::Lines(Lines::of(tail)));
            }
            "/bucket/reseal" => {
                let begun = serde_json::from_slice::<Reseal>(&body).map_err(anyhow::Error::from);
                let begun = begun.and_then(|reseal| reseal.begin(&self.state, &self.objects));
                return Ok(Answer::Lines(begun.map_err(|error| (400, format!("{error:#}\n")))?));
            }
            path if path.starts_with("/client/") => client::perform(&self.gateway, path, &body).await,
            path if path.starts_with("/rule/") => rule::perform(&self.gateway, path, &body),
            path if path.starts_with("/stream/") => stream::perform(&self.streams, path, &body).await,
            path => ca::perform(self, path, &body).await,
        };
        match done {
            Some(Ok(text)) => Ok(Answer::Text(text)),
            Some(Err(error)) => Err((400, format!("{error:#}\n"))),
            None => Err((404, "there is no such command\n".to_owned())),
        }
    }

    fn why(&self, query: &str) -> String {
        let text = query.split('&').find_map(|pair| pair.strip_prefix("q=")).unwrap_or_default();
        let text = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        let found = self.decisions.about(&text);
        serde_json::to_string_pretty(&found).unwrap_or_else(|_| "[]".into()) + "\n"
    }
}

fn respond(status: u16, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    response
}
