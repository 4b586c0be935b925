//! An object's headers in an answer.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sekisho_objects::{Checksum, CustomerKey, Encryption, ObjectRecord, VersionId};
use sekisho_types::{BucketName, ObjectKey};

use super::describe::{METADATA, SSE, SSE_BUCKET_KEY, SSE_CONTEXT, SSE_CUSTOMER, SSE_KEY_ID};
use crate::App;
use crate::auth::http_date;

/// What RFC 3986 does not reserve stays as it is.
pub(super) const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether the answer repeats the encryption context: puts do, gets do not (model: S3 outputs).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    Shown,
    Hidden,
}

/// How it is encrypted; `customer` is the key that came with the request.
pub(super) fn encryption(
    headers: &mut HeaderMap,
    encryption: &Encryption,
    customer: Option<&CustomerKey>,
    context: Context,
) {
    if let Some(algorithm) = encryption.algorithm() {
        set(headers, SSE, algorithm.as_str());
    }
    if let (Encryption::Customer(_), Some(customer)) = (encryption, customer) {
        set(headers, &format!("{SSE_CUSTOMER}algorithm"), "AES256");
        set(headers, &format!("{SSE_CUSTOMER}key-MD5"), &customer.md5());
    }
    encryption.key_arn().iter().for_each(|arn| set(headers, SSE_KEY_ID, arn));
    if let Encryption::Kms { bucket_key: true, .. } = encryption {
        set(headers, SSE_BUCKET_KEY, "true");
    }
    if let Encryption::Kms { context: pairs, .. } | Encryption::Dsse { context: pairs, .. } = encryption
        && context == Context::Shown
        && !pairs.is_empty()
    {
        let json = serde_json::to_vec(pairs).unwrap_or_default();
        set(headers, SSE_CONTEXT, &STANDARD.encode(json));
    }
}

/// Which version it is, where a bucket keeps versions.
pub(super) fn version(headers: &mut HeaderMap, version: Option<VersionId>) {
    version.iter().for_each(|version| set(headers, "x-amz-version-id", &version.to_string()));
}

/// When a lifecycle rule removes it, where one does.
pub(super) fn expiration(
    headers: &mut HeaderMap,
    app: &App,
    (bucket, key): (&BucketName, &ObjectKey),
    version: Option<VersionId>,
) {
    let cores = app.state.read();
    let expiry = cores.objects.bucket(bucket).ok().and_then(|bucket| bucket.expiry(key, version));
    if let Some((at, rule)) = expiry {
        let rule = utf8_percent_encode(rule, &RESERVED);
        set(headers, "x-amz-expiration", &format!("expiry-date=\"{}\", rule-id=\"{rule}\"", http_date(at)));
    }
}

/// Its checksum.
pub(super) fn checksum(headers: &mut HeaderMap, checksum: &Checksum) {
    set(headers, checksum.algorithm.header(), &checksum.value);
    set(headers, "x-amz-checksum-type", checksum_type(checksum));
}

/// A checksum of parts' checksums ends with how many there are.
pub(super) fn checksum_type(checksum: &Checksum) -> &'static str {
    if checksum.value.contains('-') { "COMPOSITE" } else { "FULL_OBJECT" }
}

/// Its ETag and time.
pub(super) fn identity(headers: &mut HeaderMap, record: &ObjectRecord) {
    set(headers, "etag", &quoted(&record.etag));
    set(headers, "last-modified", &http_date(record.last_modified));
}

/// What was kept with it.
pub(super) fn description(headers: &mut HeaderMap, record: &ObjectRecord) {
    set(headers, "content-type", "binary/octet-stream");
    record.headers.iter().for_each(|(name, value)| set(headers, name, value));
    record.metadata.iter().for_each(|(name, value)| set(headers, &format!("{METADATA}{name}"), value));
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// Sets a header; what is not ASCII goes as an encoded word (RFC 2047), as S3 does with metadata.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    let encoded = (!value.is_ascii()).then(|| format!("=?UTF-8?B?{}?=", STANDARD.encode(value)));
    let value = HeaderValue::from_str(encoded.as_deref().unwrap_or(value));
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
        headers.insert(name, value);
    }
}
