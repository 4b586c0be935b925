//! UpdateObjectEncryption: the same object under another KMS key.
use http::Response;

use super::error::{invalid_argument, malformed_xml};
use super::{bare, check_room_for_body, names, show, xml};
use crate::{ApiError, App, Body, S3Request};

const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room_for_body(app)?;
    let (bucket, key, version) = (names::bucket(&request)?, names::key(&request)?, names::version(&request)?);
    let document = xml::read(&mut request, "ObjectEncryption", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let kms = document.child("SSE-KMS")?.ok_or_else(malformed_xml)?;
    let arn = kms.text("KMSKeyArn")?.map(str::trim).ok_or_else(malformed_xml)?;
    // A key id or an alias is not enough (UpdateObjectEncryption: `KMSKeyArn`).
    if !arn.starts_with("arn:") || !arn.contains(":key/") {
        return Err(invalid_argument("KMSKeyArn must be the ARN of a KMS key", "KMSKeyArn", arn));
    }
    let bucket_key = kms.boolean("BucketKeyEnabled")?.unwrap_or(false);
    let told = app.objects.reseal(&bucket, &key, version, arn, bucket_key).await?;
    let mut response = bare(200)?;
    show::version(response.headers_mut(), told);
    Ok(response)
}
