//! What GetObject and HeadObject share: conditions, the range, the headers.
use std::ops::Range;

use http::{HeaderMap, Response, StatusCode};
use sekisho_blobs::Got;
use sekisho_objects::{Conditions, CustomerKey, ObjectRecord, ObjectsError, Verdict, byte_range};
use sekisho_types::Timestamp;

use super::describe::{SSE, SSE_CUSTOMER, customer_key};
use super::error::invalid_argument;
use super::show::{self, Context};
use super::upload_part::number;
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

/// Refuses what a read must not carry; answers the customer's key that came with it.
pub(super) fn check(request: &S3Request) -> Result<Option<CustomerKey>, ApiError> {
    let theirs = |name: &str| name.starts_with(SSE) && !name.starts_with(SSE_CUSTOMER);
    if let Some(header) = request.headers.keys().find(|name| theirs(name.as_str())) {
        let message = format!("{header} header is not supported for this operation.");
        return Err(invalid_argument(&message, header.as_str(), request.header(header.as_str()).unwrap_or_default()));
    }
    customer_key(request, SSE_CUSTOMER, true)
}

/// Judges conditions and range, and writes the headers.
pub(super) fn select(
    request: &S3Request,
    Got { record, version }: &Got,
    customer: Option<&CustomerKey>,
) -> Result<Selected, ApiError> {
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
            show::version(response.headers_mut(), *version);
            return Ok(Selected::NotModified(response));
        }
        Verdict::Failed(condition) => return Err(ObjectsError::PreconditionFailed(condition).into()),
    }
    let asked = request.header("range").unwrap_or_default();
    let part = part(request, record)?;
    if part.is_some() && !asked.is_empty() {
        let message = "Cannot specify both Range header and partNumber query parameter";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    let partial = part.map_or_else(|| byte_range(asked, record.size), |part| Ok(Some(part))).map_err(|_| {
        ApiError::new(416, "InvalidRange", "The requested range is not satisfiable")
            .with("RangeRequested", asked)
            .with("ActualObjectSize", record.size.to_string())
    })?;
    let mut head = Response::new(crate::empty());
    let range = partial.clone().unwrap_or(0..record.size);
    write_headers(request, record, &range, head.headers_mut());
    show::encryption(head.headers_mut(), &record.encryption, customer, Context::Hidden);
    show::version(head.headers_mut(), *version);
    if let Some(parts) = record.parts().filter(|_| request.query("partNumber").is_some()) {
        show::set(head.headers_mut(), "x-amz-mp-parts-count", &parts.to_string());
    }
    if partial.is_some() && range.start < range.end {
        *head.status_mut() = StatusCode::PARTIAL_CONTENT;
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, record.size);
        show::set(head.headers_mut(), "content-range", &text);
    }
    Ok(Selected::Bytes { range, head })
}

fn write_headers(request: &S3Request, record: &ObjectRecord, range: &Range<u64>, headers: &mut HeaderMap) {
    show::description(headers, record);
    show::identity(headers, record);
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
    if !record.tags.is_empty() {
        show::set(headers, "x-amz-tagging-count", &record.tags.len().to_string());
    }
}

/// The bytes of the part that `partNumber` names.
fn part(request: &S3Request, record: &ObjectRecord) -> Result<Option<Range<u64>>, ApiError> {
    let Some(text) = request.query("partNumber") else { return Ok(None) };
    let number = usize::from(number(text)?);
    let missing = || {
        let message = "The requested partnumber is not satisfiable";
        ApiError::new(416, "InvalidPartNumber", message)
            .with("ActualPartCount", record.bodies.len().to_string())
            .with("PartNumberRequested", text)
    };
    let body = record.bodies.get(number - 1).ok_or_else(missing)?;
    let begin = record.bodies[..number - 1].iter().map(|body| body.size).sum::<u64>();
    Ok(Some(begin..begin + body.size))
}

/// A time in a header; one that is malformed is ignored (RFC 9110 §13.1.3).
pub(super) fn http_time(text: &str) -> Option<Timestamp> {
    // Whoever sets a day of the week by hand may err; the date is what counts.
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    Some(Timestamp::from_seconds(parser.parse_timestamp(text).ok()?.as_second()))
}
