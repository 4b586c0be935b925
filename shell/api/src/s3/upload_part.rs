//! UploadPart.
use http::Response;

use super::claimed::Claimed;
use super::error::invalid_argument;
use super::receive::{check_length, receive};
use super::show::{self, Context};
use super::{check_room_for_body, describe, names};
use crate::roles::check_still;
use crate::{ApiError, App, Body, S3Request, Service};

/// S3 user guide: "Amazon S3 multipart upload limits".
const PARTS_MAX: u16 = 10_000;

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room_for_body(app)?;
    check_length(&request)?;
    let number = number(request.query("partNumber").unwrap_or_default())?;
    let name = names::upload(&request)?;
    let claimed = Claimed::of(&request)?;
    {
        let cores = app.state.read();
        cores.objects.bucket(&name.bucket)?.upload(&name.key, name.id)?.check_part_checksum(claimed.algorithm)?;
    }
    let customer = describe::customer_key(&request, describe::SSE_CUSTOMER, false)?;
    let part = app.objects.begin_part(&name, claimed.content_md5, customer.clone()).await?;
    let (encryption, kept) = (part.encryption().clone(), part.checksum());
    let (part, other) = receive(&mut request, part, &claimed, kept).await?;
    check_still(app, &request.operator, Service::S3)?;
    let part = app.objects.finish_part(&name, number, part).await?;
    let mut response = Response::new(crate::empty());
    let headers = response.headers_mut();
    show::set(headers, "etag", &show::quoted(&part.etag));
    show::encryption(headers, &encryption, customer.as_ref(), Context::Hidden);
    // A part has a checksum of its own, which is not called one of the whole.
    let checksum = other.unwrap_or(part.checksum);
    show::set(headers, checksum.algorithm.header(), &checksum.value);
    Ok(response)
}

pub(super) fn number(text: &str) -> Result<u16, ApiError> {
    let number = text.parse::<u16>().ok().filter(|number| (1..=PARTS_MAX).contains(number));
    number.ok_or_else(|| {
        invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", text)
    })
}
