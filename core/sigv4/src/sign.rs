//! The signing side: what a client adds to a request.
use sekisho_types::{Secret, Timestamp};

use crate::canonical::{PathRule, canonical_request, encode, string_to_sign};
use crate::claim::ALGORITHM;
use crate::key::{SHA256_OF_EMPTY, SigningKey, sha256_hex};
use crate::{AmzDate, RequestParts, Scope};

/// An access key. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// For temporary credentials.
    pub session_token: Option<String>,
}

/// What the signature says of the body.
#[derive(Clone, Copy, Debug)]
pub enum PayloadToSign<'a> {
    /// Its digest.
    Body(&'a [u8]),
    /// Nothing (S3).
    Unsigned,
    /// A digest already taken, or one of the STREAMING words (S3).
    Named(&'a str),
}

/// Headers that a connection or a proxy changes on the way, and that are therefore not signed.
const UNSIGNED_HEADERS: &[&str] =
    &["authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

/// The headers to add to `request` so that its signature is in the header: `x-amz-date`, for S3
/// `x-amz-content-sha256`, with temporary credentials `x-amz-security-token`, and `authorization`.
///
/// All headers of `request` are signed but those that change on the way; `host` must be among them.
pub fn sign(
    request: &RequestParts<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    payload: PayloadToSign<'_>,
) -> Vec<(&'static str, String)> {
    let date = AmzDate::at(now);
    let digest = match payload {
        PayloadToSign::Body(body) => sha256_hex(body),
        PayloadToSign::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
        PayloadToSign::Named(name) => name.to_owned(),
    };
    let mut added = vec![("x-amz-date", date.as_str().to_owned())];
    if service == "s3" {
        added.push(("x-amz-content-sha256", digest.clone()));
    }
    if let Some(token) = &credentials.session_token {
        added.push(("x-amz-security-token", token.clone()));
    }
    let mut headers = request.headers.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let names = signed_names(&headers);
    let signature = {
        let request = RequestParts { headers: &headers, ..*request };
        signature(&request, credentials, region, service, &date, &names, &digest)
    };
    let scope = scope(&date, region, service);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        names.join(";"),
    );
    added.push(("authorization", authorization));
    added
}

/// The query to send instead of `request`'s own, so that whoever holds the URL may send it for `expires_s` seconds.
///
/// For `service` `s3` the body is left unsigned; for every other it must be empty.
pub fn presign(
    request: &RequestParts<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    expires_s: u32,
) -> String {
    let date = AmzDate::at(now);
    let names = signed_names(request.headers);
    let credential = format!("{}/{}", credentials.access_key_id, scope(&date, region, service));
    let mut query = request.raw_query.to_owned();
    let mut push = |name: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("{name}={}", encode(value)));
    };
    push("X-Amz-Algorithm", ALGORITHM);
    push("X-Amz-Credential", &credential);
    push("X-Amz-Date", date.as_str());
    push("X-Amz-Expires", &expires_s.to_string());
    push("X-Amz-SignedHeaders", &names.join(";"));
    if let Some(token) = &credentials.session_token {
        push("X-Amz-Security-Token", token);
    }
    let digest = if service == "s3" { "UNSIGNED-PAYLOAD" } else { SHA256_OF_EMPTY };
    let with_query = RequestParts { raw_query: &query, ..*request };
    let signature = signature(&with_query, credentials, region, service, &date, &names, digest);
    query.push_str(&format!("&X-Amz-Signature={signature}"));
    query
}

fn scope(date: &AmzDate, region: &str, service: &str) -> Scope {
    Scope { day: date.day().into(), region: region.into(), service: service.into() }
}

fn signed_names(headers: &[(&str, &[u8])]) -> Vec<String> {
    let mut names: Vec<String> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.retain(|name| !UNSIGNED_HEADERS.contains(&name.as_str()));
    names.sort_unstable();
    names.dedup();
    names
}

fn signature(
    request: &RequestParts<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    date: &AmzDate,
    names: &[String],
    digest: &str,
) -> String {
    let rule = if service == "s3" { PathRule::Once } else { PathRule::Twice };
    let canonical = canonical_request(request, rule, |_| false, names, digest);
    let scope = scope(date, region, service);
    let key = SigningKey::derive(&credentials.secret_access_key, &scope);
    key.sign(string_to_sign(date, &scope, &canonical).as_bytes())
}
