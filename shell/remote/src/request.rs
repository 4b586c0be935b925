//! One signed request, tried a few times before whoever asked is told.
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use sekisho_client::{Answer, HttpClient};
use sekisho_sigv4::{PayloadToSign, RequestParts, sha256_hex, sign};

use crate::{RemoteBucket, RemoteError};

/// Times a request is sent before the object is given up for now. A part that fails costs the part, not the object.
const ATTEMPTS_MAX: u32 = 4;
/// The wait before the second; it doubles.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// An answer to a write is a few lines, and so is a refusal.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A request before it is signed.
pub(crate) struct S3Request<'a> {
    pub operation: &'static str,
    pub method: Method,
    pub key: &'a str,
    /// In wire form.
    pub query: &'a str,
    pub headers: &'a [(String, String)],
    pub body: Bytes,
    /// What a success brings, if that is more than a few lines.
    pub answer_bytes: usize,
}

/// Sends it until it succeeds, is refused for good, or has been tried often enough. Every request may be sent twice: a PUT and a
/// part write the same bytes to the same place, and what is removed stays removed.
pub(crate) async fn send(
    client: &HttpClient,
    bucket: &RemoteBucket,
    request: &S3Request<'_>,
) -> Result<Answer, RemoteError> {
    let (mut attempt, mut wait) = (1, WAIT_MIN);
    loop {
        match send_once(client, bucket, request).await {
            Err(error) if error.is_passing() && attempt < ATTEMPTS_MAX => {
                let cause = &error as &dyn std::error::Error;
                tracing::debug!(bucket = %bucket.name, operation = request.operation, attempt, error = cause, "tried again");
            }
            outcome => return outcome,
        }
        tokio::time::sleep(wait).await;
        (attempt, wait) = (attempt + 1, wait * 2);
    }
}

async fn send_once(client: &HttpClient, bucket: &RemoteBucket, request: &S3Request<'_>) -> Result<Answer, RemoteError> {
    let exchange = client.send(signed(bucket, request)?, request.answer_bytes.max(ANSWER_BYTES_MAX));
    let answer = tokio::time::timeout(bucket.request_max, exchange).await;
    let (head, body) = answer.map_err(|_| RemoteError::Silent(bucket.request_max))??.into_parts();
    let answer = Answer { status: head.status, headers: head.headers, body }.success()?;
    // CompleteMultipartUpload may find out after it has answered 200 (S3 API reference). What a GET brings is not ours to read.
    match request.method != Method::GET && crate::xml::is_error(&answer.body) {
        true => {
            let failed = Answer { status: http::StatusCode::INTERNAL_SERVER_ERROR, ..answer };
            Err(failed.success().expect_err("500 is no success").into())
        }
        false => Ok(answer),
    }
}

fn signed(bucket: &RemoteBucket, request: &S3Request<'_>) -> Result<Request<Full<Bytes>>, RemoteError> {
    let (host, path) = (bucket.host(), bucket.path(request.key));
    let mut headers = vec![("host", host.as_bytes())];
    headers.extend(request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let parts =
        RequestParts { method: request.method.as_str(), raw_path: &path, raw_query: request.query, headers: &headers };
    let digest = sha256_hex(&request.body);
    let payload = PayloadToSign::Named(&digest);
    let added = sign(&parts, &bucket.credentials, &bucket.region, "s3", crate::now(), payload);
    let mut builder = Request::builder()
        .method(request.method.clone())
        .uri(bucket.url(&path, request.query))
        .header(http::header::HOST, &host)
        // S3 wants it for an empty body too, where the HTTP library would leave it out.
        .header(http::header::CONTENT_LENGTH, request.body.len());
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    for (name, value) in added {
        let mut value =
            HeaderValue::from_maybe_shared(value).map_err(|error| sekisho_client::HttpError::Request(error.into()))?;
        value.set_sensitive(name == "authorization");
        builder = builder.header(name, value);
    }
    Ok(builder.body(Full::new(request.body.clone())).map_err(sekisho_client::HttpError::Request)?)
}

#[cfg(test)]
mod tests;
