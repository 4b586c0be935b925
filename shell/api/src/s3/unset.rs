//! Settings that a bucket or an object cannot have here: asked for, the answer is AWS's for one that has none, which is the
//! truth. Tools that read everything before they change anything (Terraform) go on then. Setting one is refused by name, unless
//! what is set is what holds anyway: none.
use http::Response;

use super::error::malformed_xml;
use super::{bare, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::existing_bucket(app, request)?;
    let none =
        |code: &'static str, message: &str| Err(ApiError::new(404, code, message).with("BucketName", bucket.as_str()));
    match request.operation {
        "GetBucketAccelerateConfiguration" => Ok(xml::document("AccelerateConfiguration", |_| {})),
        "GetBucketLogging" => Ok(xml::document("BucketLoggingStatus", |_| {})),
        "GetBucketNotificationConfiguration" => Ok(xml::document("NotificationConfiguration", |_| {})),
        "GetBucketRequestPayment" => {
            Ok(xml::document("RequestPaymentConfiguration", |out| element(out, "Payer", "BucketOwner")))
        }
        "GetBucketReplication" => {
            none("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
        }
        "GetBucketWebsite" => {
            none("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
        }
        "GetObjectLockConfiguration" => {
            none("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
        }
        other => Err(ApiError::not_implemented(other)),
    }
}

const BODY_BYTES_MAX: usize = 64 * 1024;

/// Takes what says that there is none.
pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    names::existing_bucket(app, &request)?;
    let (root, none) = match request.operation {
        "PutBucketAccelerateConfiguration" => ("AccelerateConfiguration", Some(("Status", "Suspended"))),
        "PutBucketLogging" => ("BucketLoggingStatus", None),
        "PutBucketNotificationConfiguration" => ("NotificationConfiguration", None),
        "PutBucketRequestPayment" => ("RequestPaymentConfiguration", Some(("Payer", "BucketOwner"))),
        _ => return bare(204),
    };
    let document = xml::read(&mut request, root, BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let says_none = match none {
        None => document.children.is_empty(),
        Some((name, none)) => document.text(name)?.ok_or_else(malformed_xml)?.trim() == none,
    };
    if says_none { bare(200) } else { Err(ApiError::not_implemented(request.operation)) }
}
