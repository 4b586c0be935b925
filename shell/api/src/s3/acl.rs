//! Access control lists. They are off (`BucketOwnerEnforced`): reading one tells the owner's grant, and setting one is refused
//! unless it says just that (S3 user guide: "Controlling ownership of objects and disabling ACLs for your bucket").
use http::Response;

use super::error::malformed_xml;
use super::{bare, describe, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const BODY_BYTES_MAX: usize = 64 * 1024;
const CANNED: &str = "bucket-owner-full-control";

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    check_target(app, request)?;
    let owner = names::owner_id(app);
    Ok(xml::document("AccessControlPolicy", |out| {
        xml::nested(out, "Owner", |out| element(out, "ID", &owner));
        xml::nested(out, "AccessControlList", |out| {
            xml::nested(out, "Grant", |out| {
                let kind =
                    r#"<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">"#;
                out.push_str(kind);
                element(out, "ID", &owner);
                out.push_str("</Grantee>");
                element(out, "Permission", "FULL_CONTROL");
            });
        });
    }))
}

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_target(app, &request)?;
    let refused = || ApiError::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs");
    if describe::grants(&request) {
        return Err(refused());
    }
    let canned = request.header("x-amz-acl").map(str::to_owned);
    let document = xml::read(&mut request, "AccessControlPolicy", BODY_BYTES_MAX).await?;
    let owners = match (canned, document) {
        (Some(canned), None) => canned == CANNED,
        (None, Some(document)) => {
            let list = document.child("AccessControlList")?.ok_or_else(malformed_xml)?;
            let owner = names::owner_id(app);
            let mut all = true;
            for grant in list.all("Grant") {
                let grantee = grant.child("Grantee")?.ok_or_else(malformed_xml)?;
                all &= grantee.text("ID")? == Some(&owner) && grant.text("Permission")? == Some("FULL_CONTROL");
            }
            all && list.all("Grant").next().is_some()
        }
        (None, None) => {
            let message = "Your request was missing a required header";
            return Err(ApiError::new(400, "MissingSecurityHeader", message).with("MissingHeaderName", "x-amz-acl"));
        }
        (Some(_), Some(_)) => {
            return Err(ApiError::new(400, "UnexpectedContent", "This request does not support content"));
        }
    };
    if owners { bare(200) } else { Err(refused()) }
}

/// The bucket, and of an object's list the object, must be there.
fn check_target(app: &App, request: &S3Request) -> Result<(), ApiError> {
    let bucket = names::existing_bucket(app, request)?;
    if request.key.is_some() {
        let (key, version) = (names::key(request)?, names::version(request)?);
        app.state.read().objects.object(&bucket, &key, version)?;
    }
    Ok(())
}
