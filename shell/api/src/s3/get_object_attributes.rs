//! GetObjectAttributes: what `x-amz-object-attributes` names, without the body.
use http::Response;

use super::error::invalid_argument;
use super::show::{self};
use super::{names, read, xml};
use crate::auth::http_date;
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const HEADER: &str = "x-amz-object-attributes";
const KNOWN: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];
const PARTS_MAX: usize = 1000;

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let customer = read::check(request)?;
    let (bucket, key) = (names::bucket(request)?, names::key(request)?);
    let values = request.headers.get_all(HEADER).iter().filter_map(|value| value.to_str().ok());
    let asked: Vec<&str> =
        values.flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty()).collect();
    if asked.is_empty() {
        let message =
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    if let Some(other) = asked.iter().find(|name| !KNOWN.contains(name)) {
        return Err(invalid_argument("Invalid attribute name specified.", HEADER, other));
    }
    let got = app.objects.head(&bucket, &key, names::version(request)?, customer.as_ref())?;
    let record = &got.record;
    let number = |name: &str| request.header(name).and_then(|text| text.parse::<usize>().ok());
    let (max, marker) =
        (number("x-amz-max-parts").unwrap_or(PARTS_MAX).min(PARTS_MAX), number("x-amz-part-number-marker"));
    let mut response = xml::document("GetObjectAttributesResponse", |out| {
        if asked.contains(&"ETag") {
            element(out, "ETag", &record.etag);
        }
        if let Some(checksum) = record.checksum.as_ref().filter(|_| asked.contains(&"Checksum")) {
            xml::nested(out, "Checksum", |out| {
                // The number of parts is not the checksum's.
                let value = checksum.value.split('-').next().unwrap_or_default();
                element(out, &format!("Checksum{}", checksum.algorithm.as_str()), value);
                element(out, "ChecksumType", show::checksum_type(checksum));
            });
        }
        if let Some(parts) = record.parts().filter(|_| asked.contains(&"ObjectParts")) {
            xml::nested(out, "ObjectParts", |out| {
                element(out, "PartsCount", &parts.to_string());
                let algorithm = record.checksum.as_ref().map(|checksum| checksum.algorithm);
                let shown = record.bodies.iter().enumerate().skip(marker.unwrap_or(0)).take(max);
                let shown: Vec<_> = shown.filter(|(_, body)| body.checksum.is_some()).collect();
                // Parts are told one by one where each has a checksum of its own.
                if let (Some(algorithm), Some((last, _))) = (algorithm, shown.last()) {
                    element(out, "PartNumberMarker", &marker.unwrap_or(0).to_string());
                    element(out, "NextPartNumberMarker", &(last + 1).to_string());
                    element(out, "MaxParts", &max.to_string());
                    element(out, "IsTruncated", if last + 1 < parts { "true" } else { "false" });
                    for (at, body) in &shown {
                        xml::nested(out, "Part", |out| {
                            element(out, "PartNumber", &(at + 1).to_string());
                            element(out, "Size", &body.size.to_string());
                            let name = format!("Checksum{}", algorithm.as_str());
                            body.checksum.iter().for_each(|value| element(out, &name, value));
                        });
                    }
                }
            });
        }
        if asked.contains(&"StorageClass") {
            element(out, "StorageClass", "STANDARD");
        }
        if asked.contains(&"ObjectSize") {
            element(out, "ObjectSize", &record.size.to_string());
        }
    });
    let headers = response.headers_mut();
    show::set(headers, "last-modified", &http_date(record.last_modified));
    show::version(headers, got.version);
    Ok(response)
}
