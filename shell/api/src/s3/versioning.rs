//! PutBucketVersioning, GetBucketVersioning.
use http::Response;
use sekisho_objects::{Setting, Versioning};

use super::error::{header_not_implemented, malformed_xml};
use super::{names, settings, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let document =
        xml::read(&mut request, "VersioningConfiguration", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    if document.text("MfaDelete")?.is_some_and(|text| text.trim() != "Disabled") {
        return Err(header_not_implemented("MfaDelete"));
    }
    let versioning = match document.text("Status")?.map(str::trim) {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        Some(_) => return Err(malformed_xml()),
        None => {
            let message = "The Versioning element must be specified";
            return Err(ApiError::new(400, "IllegalVersioningConfigurationException", message));
        }
    };
    settings::set(app, names::bucket(&request)?, Setting::Versioning(versioning), 200).await
}

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        Some(xml::document("VersioningConfiguration", |out| match settings.versioning {
            Versioning::Off => {}
            Versioning::Enabled => element(out, "Status", "Enabled"),
            Versioning::Suspended => element(out, "Status", "Suspended"),
        }))
    })
}
