//! An HTTP client for endpoints of the operator's: hooks and their like. HTTPS by the system's certificate authorities.
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Collected, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Somebody who is there accepts a connection within this. And then: [`HttpError::Transport`].
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// An answer nobody wants is read this far. And then: its connection is closed.
const DRAINED_BYTES_MAX: usize = 64 * 1024;
/// And this long. And then: the same.
const DRAIN_MAX: Duration = Duration::from_secs(1);

/// Keeps connections. Cheap until its first request.
#[derive(Default)]
pub struct HttpClient(OnceLock<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The system's certificate authorities cannot be read.
    #[error("the system's certificate authorities cannot be read: {0}")]
    Authorities(#[from] std::io::Error),
    /// Not a URL.
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// Nobody there, or not for long.
    #[error("no answer: {0}")]
    Transport(#[from] hyper_util::client::legacy::Error),
    /// It ended early, or is longer than the caller takes.
    #[error("the answer cannot be read: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl HttpError {
    /// Whether there is an answer, which is longer than the caller takes.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Body(error) if error.is::<LengthLimitError>())
    }
}

impl HttpClient {
    /// Posts JSON; takes an answer of at most `answer_bytes_max`. Has no time limit of its own.
    ///
    /// # Errors
    /// [`HttpError`]. A status that is no success is an answer.
    pub async fn post_json(
        &self,
        url: &str,
        body: Bytes,
        answer_bytes_max: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        self.send(json_request(url, body)?, answer_bytes_max).await
    }

    /// The same for who wants to know how it went; see [`HttpClient::send_for_head`].
    ///
    /// # Errors
    /// [`HttpError`]. A status that is no success is an answer.
    pub async fn post_json_for_head(&self, url: &str, body: Bytes) -> Result<Response<Bytes>, HttpError> {
        self.send_for_head(json_request(url, body)?).await
    }

    /// Sends any request for who wants to know how it went: the answer's body is there if it is short and comes at once.
    ///
    /// # Errors
    /// [`HttpError`]. A status that is no success is an answer.
    pub async fn send_for_head(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client()?.request(request).await?.into_parts();
        // Read to its end, if it is not far, so that the connection can be used again.
        let body = tokio::time::timeout(DRAIN_MAX, Limited::new(body, DRAINED_BYTES_MAX).collect()).await;
        let body = body.ok().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default();
        Ok(Response::from_parts(head, body))
    }

    /// Sends any request; takes an answer of at most `answer_bytes_max`. Follows no redirection. Has no time limit of its own
    /// but for connecting.
    ///
    /// # Errors
    /// [`HttpError`]. A status that is no success is an answer.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        answer_bytes_max: usize,
    ) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client()?.request(request).await?.into_parts();
        let body = Limited::new(body, answer_bytes_max).collect().await.map_err(HttpError::Body)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    fn client(&self) -> Result<&Client<HttpsConnector<HttpConnector>, Full<Bytes>>, HttpError> {
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        let connector = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider)?;
        let connector = connector.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(self.0.get_or_init(|| client))
    }
}

fn json_request(url: &str, body: Bytes) -> Result<Request<Full<Bytes>>, HttpError> {
    Ok(Request::post(url).header(http::header::CONTENT_TYPE, "application/json").body(Full::new(body))?)
}
