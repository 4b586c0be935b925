//! What GetObject and HeadObject share: conditions, the range, the headers.
use std::ops::Range;

use http::{HeaderMap, Response, StatusCode};
use sekisho_objects::{Conditions, ObjectRecord, ObjectsError, Verdict, byte_range};
use sekisho_types::Timestamp;

use super::describe::{SSE, SSE_CUSTOMER};
use super::error::{header_not_implemented, invalid_argument};
use super::names::check_version;
use super::show::{self, Context};
use crate::{ApiError, Body, S3Request};

/// Query parameters of GetObject that replace a header of the answer.
const OVERRIDES: [(&str, &str); 6] = [
    ("response-cache-control", "cache-control"),
    ("response-content-disposition", "content-disposition"),
    ("response-content-encoding", "content-encoding"),
    ("response-content-language", "content-language"),
    ("response-content-type", "content-type"),
    ("response-expires", "expires"),
];

/// What an answer gives of an object.
pub(super) enum Selected {
    /// Nothing: the client has it already.
    NotModified(Response<Body>),
    /// These bytes, under these headers.
    Bytes { range: Range<u64>, head: Response<Body> },
}

/// Refuses what a read must not carry, or what is not done here.
pub(super) fn check(request: &S3Request) -> Result<(), ApiError> {
    check_version(request)?;
    if request.headers.keys().any(|name| name.as_str().starts_with(SSE_CUSTOMER)) {
        let message = "The encryption parameters are not applicable to this object.";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    if let Some(header) = request.headers.keys().find(|name| name.as_str().starts_with(SSE)) {
        let message = format!("{header} header is not supported for this operation.");
        return Err(invalid_argument(&message, header.as_str(), request.header(header.as_str()).unwrap_or_default()));
    }
    if request.query("partNumber").is_some() {
        return Err(header_not_implemented("partNumber"));
    }
    Ok(())
}

/// Judges conditions and range, and writes the headers.
pub(super) fn select(request: &S3Request, record: &ObjectRecord) -> Result<Selected, ApiError> {
    let header = |name: &str| request.header(name).map(str::to_owned);
    let time = |name: &str| request.header(name).and_then(http_time);
    let conditions = Conditions {
        if_match: header("if-match"),
        if_none_match: header("if-none-match"),
        if_modified_since: time("if-modified-since"),
        if_unmodified_since: time("if-unmodified-since"),
    };
    match conditions.judge(record) {
        Verdict::Met => {}
        Verdict::NotModified => {
            let mut response = Response::new(crate::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            show::identity(response.headers_mut(), record);
            return Ok(Selected::NotModified(response));
        }
        Verdict::Failed(condition) => return Err(ObjectsError::PreconditionFailed(condition).into()),
    }
    let asked = request.header("range").unwrap_or_default();
    let partial = byte_range(asked, record.size).map_err(|_| {
        ApiError::new(416, "InvalidRange", "The requested range is not satisfiable")
            .with("RangeRequested", asked)
            .with("ActualObjectSize", record.size.to_string())
    })?;
    let mut head = Response::new(crate::empty());
    let range = partial.clone().unwrap_or(0..record.size);
    write_headers(request, record, &range, head.headers_mut());
    if partial.is_some() {
        *head.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, record.size);
        show::set(head.headers_mut(), "content-range", &text);
    }
    Ok(Selected::Bytes { range, head })
}

fn write_headers(request: &S3Request, record: &ObjectRecord, range: &Range<u64>, headers: &mut HeaderMap) {
    show::description(headers, record);
    show::identity(headers, record);
    show::encryption(headers, &record.encryption, Context::Hidden);
    show::set(headers, "accept-ranges", "bytes");
    show::set(headers, "content-length", &(range.end - range.start).to_string());
    for (parameter, header) in OVERRIDES {
        request.query(parameter).iter().for_each(|value| show::set(headers, header, value));
    }
    // A checksum is of the whole object, so a part of it is not answered with one.
    let whole = *range == (0..record.size);
    let wanted = request.header("x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED"));
    if let Some(checksum) = record.checksum.as_ref().filter(|_| whole && wanted) {
        show::checksum(headers, checksum);
    }
}

/// A time in a header; one that is malformed is ignored (RFC 9110 §13.1.3).
pub(super) fn http_time(text: &str) -> Option<Timestamp> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(Timestamp::from_seconds(time.timestamp().as_second()))
}
