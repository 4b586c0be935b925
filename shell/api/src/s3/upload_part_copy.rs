//! UploadPartCopy: a part that is an object here already, or a range of it.
use http::Response;

use super::copy_source::CopySource;
use super::error::invalid_argument;
use super::show::{self, Context};
use super::upload_part::number;
use super::{check_room_for_body, describe, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const RANGE: &str = "x-amz-copy-source-range";

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room_for_body(app)?;
    let number = number(request.query("partNumber").unwrap_or_default())?;
    let name = names::upload(&request)?;
    let customer = describe::customer_key(&request, describe::SSE_CUSTOMER, false)?;
    let from = CopySource::of(&request)?;
    let part = app.objects.begin_part(&name, None, customer.clone()).await?;
    let (source, reader) = from.open(app).await?;
    let mut reader = match request.header(RANGE) {
        None => {
            CopySource::check_size(source.record.size)?;
            reader
        }
        Some(text) => {
            let (first, last) = range(text, source.record.size)?;
            CopySource::check_size(last + 1 - first)?;
            reader.range(first, last + 1)
        }
    };
    let encryption = part.encryption().clone();
    let part = app.objects.finish_part(&name, number, part.write_from(&mut reader).await?).await?;
    let mut response = xml::document("CopyPartResult", |out| {
        element(out, "ETag", &show::quoted(&part.etag));
        xml::time(out, "LastModified", part.last_modified);
        element(out, &format!("Checksum{}", part.checksum.algorithm.as_str()), &part.checksum.value);
    });
    let headers = response.headers_mut();
    show::encryption(headers, &encryption, customer.as_ref(), Context::Hidden);
    source.version.iter().for_each(|id| show::set(headers, "x-amz-copy-source-version-id", &id.to_string()));
    Ok(response)
}

/// `bytes=first-last`, both given and both inside (UploadPartCopy).
fn range(text: &str, size: u64) -> Result<(u64, u64), ApiError> {
    let parsed = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let parsed = parsed.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy";
    let (first, last) =
        parsed.filter(|(first, last)| first <= last).ok_or_else(|| invalid_argument(message, RANGE, text))?;
    if last >= size {
        let message = format!("Range specified is not valid for source object of size: {size}");
        return Err(invalid_argument(&message, RANGE, text));
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        #[rustfmt::skip] // source                                text            size  range
        let table = [
            ("UploadPartCopy: both ends",                         "bytes=0-9",    10,   Some((0, 9))),
            ("UploadPartCopy: beyond the object",                 "bytes=0-10",   10,   None),
            ("UploadPartCopy: no open range",                     "bytes=5-",     10,   None),
            ("UploadPartCopy: no suffix",                         "bytes=-5",     10,   None),
            ("UploadPartCopy: not backwards",                     "bytes=5-4",    10,   None),
            ("UploadPartCopy: the unit",                          "0-4",          10,   None),
        ];
        for (source, text, size, expected) in table {
            assert_eq!(range(text, size).ok(), expected, "{source}");
        }
    }
}
