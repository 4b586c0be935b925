//! PutBucketOwnershipControls, GetBucketOwnershipControls. ACLs are not offered, so that only `BucketOwnerEnforced` can be
//! set; without any, nothing changes.
use http::Response;
use sekisho_objects::{Ownership, Setting};

use super::error::{header_not_implemented, malformed_xml};
use super::{names, settings, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let document = xml::read(&mut request, "OwnershipControls", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let rule = document.child("Rule")?.ok_or_else(malformed_xml)?;
    let text = rule.text("ObjectOwnership")?.ok_or_else(malformed_xml)?.trim();
    let (ownership, _) = Ownership::ALL.into_iter().find(|(_, name)| *name == text).ok_or_else(malformed_xml)?;
    if ownership != Ownership::BucketOwnerEnforced {
        return Err(header_not_implemented("ObjectOwnership"));
    }
    settings::set(app, names::bucket(&request)?, Setting::Ownership(Some(ownership)), 200).await
}

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let ownership = settings.ownership?;
        let (_, name) = Ownership::ALL.into_iter().find(|(known, _)| *known == ownership)?;
        Some(xml::document("OwnershipControls", |out| {
            xml::nested(out, "Rule", |out| element(out, "ObjectOwnership", name));
        }))
    })
}
