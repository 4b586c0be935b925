//! An operator's client of the AWS APIs: signed HTTP/1.1 requests over connections that are kept.
//!
//! Speaks `http://` itself, `https://` through [`HttpClient`].
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sekisho_sigv4::{Credentials, PayloadToSign, RequestParts, sign};
use sekisho_types::Timestamp;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{Answer, HttpClient, HttpError, Refused};

/// An answer takes at most this long, unless [`AwsClient::with_limits`] says otherwise. And then: `AwsError::Silent`; the
/// connection is given up.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// Connections that are kept for later. And then: a connection is closed after its request.
const IDLE_MAX: usize = 32;
/// RFC 3986 §2.3: what stays as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One account at one endpoint.
pub struct AwsClient {
    authority: String,
    /// For `https://`.
    https: Option<HttpClient>,
    region: String,
    credentials: Credentials,
    answer_bytes_max: usize,
    answer_max: Duration,
    /// Connections nobody is using. One is taken out for a request and put back after it.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

/// A request before it is signed. Path and query are in wire form: percent-encoded by [`encode_segment`].
#[derive(Clone, Debug)]
pub struct AwsRequest<'a> {
    /// As in the credential scope: `iot`, `iotdata`, `firehose`, `kms`, `s3`.
    pub signing_name: &'a str,
    /// `GET` and its like.
    pub method: Method,
    /// From `/` on.
    pub path: &'a str,
    /// Without the question mark.
    pub query: &'a str,
    /// Signed with the rest.
    pub headers: &'a [(&'static str, &'a str)],
    /// Whole.
    pub body: Bytes,
}

/// Why a call did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The service said no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Neither `http://host:port` nor `https://host`.
    #[error("`{0}` is not an endpoint such as http://127.0.0.1:4566 or https://s3.us-east-1.amazonaws.com")]
    Endpoint(String),
    /// Nobody there.
    #[error("no connection to {authority}")]
    Connect {
        /// Host and port.
        authority: String,
        /// Why.
        source: std::io::Error,
    },
    /// The connection failed in the middle.
    #[error("the connection to {authority} failed")]
    Transport {
        /// Host and port.
        authority: String,
        /// Why.
        source: hyper::Error,
    },
    /// No answer over HTTPS.
    #[error("the connection to {authority} failed")]
    Https {
        /// Host and port.
        authority: String,
        /// Why.
        source: HttpError,
    },
    /// An answer longer than the client takes.
    #[error("{authority} answers with more than {bytes_max} bytes")]
    TooLong {
        /// Host and port.
        authority: String,
        /// What it takes.
        bytes_max: usize,
    },
    /// An answer that ended early.
    #[error("the answer of {authority} cannot be read: {reason}")]
    Body {
        /// Host and port.
        authority: String,
        /// Why.
        reason: String,
    },
    /// No answer in time.
    #[error("{authority} did not answer within {} s", answer_max.as_secs())]
    Silent {
        /// Host and port.
        authority: String,
        /// How long it had.
        answer_max: Duration,
    },
    /// A header or path that HTTP cannot carry.
    #[error("the request cannot be written")]
    Request(#[from] http::Error),
    /// An answer that is not JSON.
    #[error("the answer is not JSON")]
    Json(#[from] serde_json::Error),
}

/// One path segment or query value in wire form: a slash in it becomes `%2F`.
pub fn encode_segment(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

impl AwsClient {
    /// Connects lazily.
    ///
    /// # Errors
    /// [`AwsError::Endpoint`] for anything but `http://host:port` and `https://host`.
    pub fn new(endpoint: &str, region: &str, credentials: Credentials) -> Result<Self, AwsError> {
        let (https, rest) = match endpoint.split_once("://") {
            Some(("http", rest)) => (None, rest),
            Some(("https", rest)) => (Some(HttpClient::default()), rest),
            _ => return Err(AwsError::Endpoint(endpoint.to_owned())),
        };
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            return Err(AwsError::Endpoint(endpoint.to_owned()));
        }
        Ok(Self {
            authority: authority.into(),
            https,
            region: region.into(),
            credentials,
            answer_bytes_max: usize::MAX,
            answer_max: ANSWER_MAX,
            idle: Mutex::default(),
        })
    }

    /// Takes answers of at most `answer_bytes_max`, and waits `answer_max` for each.
    #[must_use]
    pub fn with_limits(self, answer_bytes_max: usize, answer_max: Duration) -> Self {
        Self { answer_bytes_max, answer_max, ..self }
    }

    /// An operation of `iot`; `path` may carry a query. Give `Value::Null` where the operation has no body.
    ///
    /// # Errors
    /// Any [`AwsError`]; a refusal is one.
    pub async fn iot(&self, method: Method, path: &str, body: &Value) -> Result<Value, AwsError> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let headers: &[_] = if body.is_empty() { &[] } else { &[("content-type", "application/json")] };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = AwsRequest { signing_name: "iot", method, path, query, headers, body };
        Ok(self.send(&request).await?.success()?.json()?)
    }

    /// Publishes as the operator (`iot-data`).
    ///
    /// # Errors
    /// Any [`AwsError`].
    pub async fn publish(&self, topic: &str, qos: u8, payload: Bytes) -> Result<(), AwsError> {
        let (path, query) = (format!("/topics/{}", encode_segment(topic)), format!("qos={qos}"));
        let signing_name = "iotdata";
        let request =
            AwsRequest { signing_name, method: Method::POST, path: &path, query: &query, headers: &[], body: payload };
        self.send(&request).await?.success()?;
        Ok(())
    }

    /// An operation of `firehose` or `kms`, which speak JSON 1.1.
    ///
    /// # Errors
    /// Any [`AwsError`].
    pub async fn json11(&self, service: &str, operation: &str, body: &Value) -> Result<Value, AwsError> {
        let prefix = if service == "kms" { "TrentService" } else { "Firehose_20150804" };
        let target = format!("{prefix}.{operation}");
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let body = Bytes::from(body.to_string());
        let request =
            AwsRequest { signing_name: service, method: Method::POST, path: "/", query: "", headers: &headers, body };
        Ok(self.send(&request).await?.success()?.json()?)
    }

    /// An operation of S3 on `/bucket` or `/bucket/key`, in wire form.
    ///
    /// # Errors
    /// Any [`AwsError`].
    pub async fn s3(
        &self,
        method: Method,
        path: &str,
        query: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
    ) -> Result<Answer, AwsError> {
        let request = AwsRequest { signing_name: "s3", method, path, query, headers, body };
        Ok(self.send(&request).await?.success()?)
    }

    /// Signs `request`, sends it, and returns whatever the service says.
    ///
    /// # Errors
    /// If no answer came. A refusal is an answer.
    pub async fn send(&self, request: &AwsRequest<'_>) -> Result<Answer, AwsError> {
        let request = self.signed(request)?;
        let exchange = tokio::time::timeout(self.answer_max, self.exchange(request));
        let silent = |_| Err(AwsError::Silent { authority: self.authority.clone(), answer_max: self.answer_max });
        exchange.await.unwrap_or_else(silent)
    }

    fn signed(&self, request: &AwsRequest<'_>) -> Result<Request<Full<Bytes>>, AwsError> {
        let mut headers = vec![("host", self.authority.as_bytes())];
        headers.extend(request.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let parts = RequestParts {
            method: request.method.as_str(),
            raw_path: request.path,
            raw_query: request.query,
            headers: &headers,
        };
        let payload = PayloadToSign::Body(&request.body);
        let added = sign(&parts, &self.credentials, &self.region, request.signing_name, now(), payload);
        let question = if request.query.is_empty() { "" } else { "?" };
        // HttpClient asks for the whole URL, to know where to connect.
        let origin = if self.https.is_some() { format!("https://{}", self.authority) } else { String::new() };
        let mut builder = Request::builder()
            .method(request.method.clone())
            .uri(format!("{origin}{}{question}{}", request.path, request.query))
            .header(http::header::HOST, &self.authority);
        for (name, value) in request.headers {
            builder = builder.header(HeaderName::from_static(name), *value);
        }
        for (name, value) in added {
            builder = builder.header(name, HeaderValue::from_maybe_shared(value).map_err(http::Error::from)?);
        }
        Ok(builder.body(Full::new(request.body.clone()))?)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, AwsError> {
        if let Some(https) = &self.https {
            let answer = https.send(request, self.answer_bytes_max).await.map_err(|error| match error {
                HttpError::Body(source) => self.body_error(source.as_ref()),
                source => AwsError::Https { authority: self.authority.clone(), source },
            })?;
            let (head, body) = answer.into_parts();
            return Ok(Answer { status: head.status, headers: head.headers, body });
        }
        let transport = |source| AwsError::Transport { authority: self.authority.clone(), source };
        let mut sender = self.connection().await?;
        let response = sender.send_request(request).await.map_err(transport)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, self.answer_bytes_max).collect().await;
        let body = body.map_err(|error| self.body_error(error.as_ref()))?.to_bytes();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(sender);
        }
        drop(idle);
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    fn body_error(&self, error: &(dyn std::error::Error + Send + Sync + 'static)) -> AwsError {
        let authority = self.authority.clone();
        if error.is::<LengthLimitError>() {
            AwsError::TooLong { authority, bytes_max: self.answer_bytes_max }
        } else {
            AwsError::Body { authority, reason: error.to_string() }
        }
    }

    fn idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// An idle connection if there is one that is still good, else a new one.
    async fn connection(&self) -> Result<SendRequest<Full<Bytes>>, AwsError> {
        while let Some(mut sender) = self.idle() {
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let connect = |source| AwsError::Connect { authority: self.authority.clone(), source };
        let stream = TcpStream::connect(&self.authority).await.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        let transport = |source| AwsError::Transport { authority: self.authority.clone(), source };
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(transport)?;
        // Its end is seen by the request that is under way, or by `ready` before the next one.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// The system's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use sekisho_types::Secret;

    use super::*;

    #[rustfmt::skip] // endpoint                          authority
    const ENDPOINTS: &[(&str, Option<&str>)] = &[
        ("http://127.0.0.1:4566",                         Some("127.0.0.1:4566")),
        ("http://127.0.0.1:4566/",                        Some("127.0.0.1:4566")),
        ("https://s3.us-east-1.amazonaws.com",            Some("s3.us-east-1.amazonaws.com")),
        ("127.0.0.1:4566",                                None),
        ("ftp://127.0.0.1",                               None),
        ("http://",                                       None),
        ("https://s3.us-east-1.amazonaws.com/bucket",     None),
    ];

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for (endpoint, expected) in ENDPOINTS {
            let secret_access_key = Secret::new(b"secret".to_vec());
            let credentials = Credentials { access_key_id: "id".into(), secret_access_key, session_token: None };
            let client = AwsClient::new(endpoint, "us-east-1", credentials);
            assert_eq!(client.ok().map(|client| client.authority).as_deref(), *expected, "{endpoint}");
        }
    }
}
