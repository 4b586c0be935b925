//! PutObject.
use http::Response;
use sekisho_blobs::{Got, NewObject};
use sekisho_objects::{ChecksumAlgorithm, CustomerKey};

use super::claimed::Claimed;
use super::receive::{check_length, receive};
use super::show::{self, Context};
use super::{check_room_for_body, describe, names};
use crate::roles::check_still;
use crate::{ApiError, App, Body, S3Request, Service};

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_length(&request)?;
    let (got, customer) = put(app, &mut request).await?;
    answer(app, &request, &got, customer.as_ref())
}

/// Puts what the request brings, whatever its length.
pub(super) async fn put(app: &App, request: &mut S3Request) -> Result<(Got, Option<CustomerKey>), ApiError> {
    check_room_for_body(app)?;
    describe::check(request)?;
    let claimed = Claimed::of(request)?;
    let precondition = describe::precondition(request)?;
    let (headers, metadata) = describe::described(request)?;
    let checksum = claimed.algorithm.unwrap_or(ChecksumAlgorithm::CRC64NVME);
    let new = NewObject {
        bucket: names::bucket(request)?,
        key: names::key(request)?,
        headers,
        metadata,
        tags: describe::tags(request)?,
        encryption: describe::encryption(request)?,
        checksum,
        expected_checksum: None,
        content_md5: claimed.content_md5,
    };
    let customer = new.encryption.customer.clone();
    let mut upload = app.objects.begin(new).await?;
    upload.require(precondition);
    let (upload, _) = receive(request, upload, &claimed, checksum).await?;
    check_still(app, &request.operator, Service::S3)?;
    Ok((upload.finish().await?, customer))
}

pub(super) fn answer(
    app: &App,
    request: &S3Request,
    Got { record, version }: &Got,
    customer: Option<&CustomerKey>,
) -> Result<Response<Body>, ApiError> {
    let mut response = Response::new(crate::empty());
    let headers = response.headers_mut();
    show::set(headers, "etag", &show::quoted(&record.etag));
    show::encryption(headers, &record.encryption, customer, Context::Shown);
    show::version(headers, *version);
    show::expiration(headers, app, (&names::bucket(request)?, &names::key(request)?), *version);
    record.checksum.iter().for_each(|checksum| show::checksum(headers, checksum));
    Ok(response)
}
