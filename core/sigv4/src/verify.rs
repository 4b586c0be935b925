//! A claim and a secret, compared.
use std::time::Duration;

use sekisho_types::{Secret, Timestamp};

use crate::canonical::{PathRule, canonical_request, string_to_sign};
use crate::key::{SHA256_OF_EMPTY, SigningKey, from_hex, sha256_hex};
use crate::streaming::Streaming;
use crate::{Claim, Mismatch, NoSigner, Operator, RequestParts, SigV4Error, Signer};

/// How far the time of a header-signed request may be from ours, either way (S3: `RequestTimeTooSkewed`).
pub const SKEW_SECONDS_MAX: u64 = 15 * 60;

/// How long a presigned request may be good (S3: query-string authentication).
pub const PRESIGNED_SECONDS_MAX: u32 = 7 * 24 * 60 * 60;

/// What the service that was asked wants of a signature.
#[derive(Clone, Copy, Debug)]
pub enum Rules<'a> {
    /// The path is encoded once, the digest of the body stands in `x-amz-content-sha256`, every `x-amz-*` is signed.
    S3,
    /// The path is encoded twice and the digest is that of this body.
    Body(&'a [u8]),
    /// The upgrade to MQTT over WebSocket: no body, and the session token is appended after signing.
    WebSocket,
}

/// What a verified request is.
#[derive(Debug)]
pub struct Verified {
    operator: Operator,
    payload: Payload,
}

impl Verified {
    /// Who signed.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Who signed, and what the body must still prove.
    pub fn into_parts(self) -> (Operator, Payload) {
        (self.operator, self.payload)
    }
}

/// What the body must still prove.
#[derive(Debug)]
pub enum Payload {
    /// Nothing: it was covered, or the caller signed without it.
    Settled,
    /// That this is its SHA-256.
    Sha256([u8; 32]),
    /// Chunk by chunk, with a [`crate::ChunkDecoder`].
    Streaming(Box<Streaming>),
}

/// Checks `claim`, which was read from `request`, against the secret of who is said to have signed it.
///
/// # Errors
/// The first thing wrong, in the order a caller can mend them: scope, time, headers, access key, signature.
pub fn verify<'s>(
    request: &RequestParts<'_>,
    claim: &Claim,
    region: &str,
    rules: Rules<'_>,
    now: Timestamp,
    secret_of: impl FnOnce(&str) -> Option<&'s Secret>,
) -> Result<Verified, SigV4Error> {
    verify_as(request, claim, region, rules, now, |id, token| root_alone(token, secret_of(id)))
}

/// As [`verify`], where there are sessions of roles too: `signer_of` is asked with the access key and the session token.
///
/// # Errors
/// As [`verify`].
pub fn verify_as(
    request: &RequestParts<'_>,
    claim: &Claim,
    region: &str,
    rules: Rules<'_>,
    now: Timestamp,
    signer_of: impl FnOnce(&str, Option<&str>) -> Result<Signer, NoSigner>,
) -> Result<Verified, SigV4Error> {
    let presigned = claim.is_presigned();
    if &*claim.scope.region != region {
        let (found, expected) = (claim.scope.region.to_string(), region.to_owned());
        return Err(SigV4Error::WrongRegion { found, expected, presigned });
    }
    if &*claim.scope.day != claim.date.day() {
        let (scope, date) = (claim.scope.day.to_string(), claim.date.day().to_owned());
        return Err(SigV4Error::WrongDay { scope, date, presigned });
    }
    check_time(claim, now)?;
    check_headers(request, claim, rules)?;
    let (payload_sha256, payload) = payload_digest(request, claim, rules)?;
    let signer = signer_of(&claim.access_key_id, session_token(request).as_deref());
    let Signer { secret, session } = signer.map_err(|reason| SigV4Error::of(reason, &claim.access_key_id))?;

    let path_rule = if matches!(rules, Rules::S3) { PathRule::Once } else { PathRule::Twice };
    // Over WebSocket the token is appended after signing.
    let appended = |name: &str| matches!(rules, Rules::WebSocket) && name == "X-Amz-Security-Token";
    let skip = |name: &str| presigned && (name == "X-Amz-Signature" || appended(name));
    let canonical = canonical_request(request, path_rule, skip, &claim.signed_headers, &payload_sha256);
    let to_sign = string_to_sign(&claim.date, &claim.scope, &canonical);
    let key = SigningKey::derive(&secret, &claim.scope);
    if !key.matches(to_sign.as_bytes(), &claim.signature) {
        return Err(SigV4Error::SignatureMismatch(Box::new(Mismatch {
            access_key_id: claim.access_key_id.to_string(),
            signature_provided: claim.signature.chars().take(128).collect(),
            string_to_sign: to_sign,
            canonical_request: canonical.text,
        })));
    }
    let payload = match payload {
        Expected::Settled => Payload::Settled,
        Expected::Sha256(digest) => Payload::Sha256(digest),
        Expected::Streaming { signed, trailer } => Payload::Streaming(Box::new(Streaming::new(
            signed.then(|| (key, claim.date.clone(), claim.scope.clone(), claim.signature.clone())),
            trailer,
        ))),
    };
    Ok(Verified { operator: Operator::new(&claim.access_key_id, session), payload })
}

/// The session token that came with a request, in its header or its query.
pub fn session_token(request: &RequestParts<'_>) -> Option<String> {
    request.query("X-Amz-Security-Token").or_else(|| request.header("x-amz-security-token").map(str::to_owned))
}

/// Where no session of a role is known.
pub(crate) fn root_alone(token: Option<&str>, secret: Option<&Secret>) -> Result<Signer, NoSigner> {
    match (token, secret) {
        (Some(_), _) => Err(NoSigner::SessionToken),
        (None, Some(secret)) => Ok(Signer { secret: secret.clone(), session: None }),
        (None, None) => Err(NoSigner::AccessKey),
    }
}

fn check_time(claim: &Claim, now: Timestamp) -> Result<(), SigV4Error> {
    let signed_at = claim.date.time();
    let skew_max = Duration::from_secs(SKEW_SECONDS_MAX);
    let too_old = claim.expires_s.is_none() && now.since(signed_at) > skew_max;
    if too_old || signed_at.since(now) > skew_max {
        return Err(SigV4Error::RequestTimeTooSkewed {
            request_time: signed_at,
            request_date: claim.date.as_str().to_owned(),
            server_time: now,
        });
    }
    if let Some(expires_s) = claim.expires_s {
        let expires_at = signed_at.plus(Duration::from_secs(expires_s.into()));
        if now > expires_at {
            return Err(SigV4Error::Expired { expires_at, server_time: now, expires_s });
        }
    }
    Ok(())
}

/// `host` must be signed everywhere; on S3 also whatever changes what the request means.
fn check_headers(request: &RequestParts<'_>, claim: &Claim, rules: Rules<'_>) -> Result<(), SigV4Error> {
    let is_signed = |name: &str| claim.signed_headers.iter().any(|signed| **signed == *name);
    let mut names: Vec<String> = Vec::new();
    if !is_signed("host") {
        names.push("host".to_owned());
    }
    if matches!(rules, Rules::S3) {
        let sent = request.headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        // A presigned URL is handed to clients that add the digest of what they send on their own.
        let covered = |name: &str| claim.is_presigned() && name == "x-amz-content-sha256";
        let needed = sent.filter(|name| (name.starts_with("x-amz-") || name == "content-md5") && !covered(name));
        names.extend(needed.filter(|name| !is_signed(name)));
        names.dedup();
    }
    if names.is_empty() { Ok(()) } else { Err(SigV4Error::HeadersNotSigned { names }) }
}

enum Expected {
    Settled,
    Sha256([u8; 32]),
    Streaming { signed: bool, trailer: bool },
}

/// The last line of the canonical request, and what it leaves to be proven.
fn payload_digest(
    request: &RequestParts<'_>,
    claim: &Claim,
    rules: Rules<'_>,
) -> Result<(String, Expected), SigV4Error> {
    let named = match rules {
        Rules::Body(body) => return Ok((sha256_hex(body), Expected::Settled)),
        Rules::WebSocket => return Ok((SHA256_OF_EMPTY.to_owned(), Expected::Settled)),
        Rules::S3 if claim.is_presigned() => {
            let signed = claim.signed_headers.iter().any(|name| **name == *"x-amz-content-sha256");
            let in_header = || request.header("x-amz-content-sha256").filter(|_| signed).map(str::to_owned);
            request.query("X-Amz-Content-Sha256").or_else(in_header)
        }
        Rules::S3 => Some(request.header("x-amz-content-sha256").ok_or(SigV4Error::MissingContentSha256)?.to_owned()),
    };
    let Some(named) = named else { return Ok(("UNSIGNED-PAYLOAD".to_owned(), Expected::Settled)) };
    let expected = match named.as_str() {
        "UNSIGNED-PAYLOAD" => Expected::Settled,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Expected::Streaming { signed: true, trailer: false },
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Expected::Streaming { signed: true, trailer: true },
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Expected::Streaming { signed: false, trailer: true },
        digest => match from_hex(digest) {
            Some(digest) => Expected::Sha256(digest),
            None => return Err(SigV4Error::MalformedContentSha256 { found: named.chars().take(128).collect() }),
        },
    };
    Ok((named, expected))
}

#[cfg(test)]
mod tests;
