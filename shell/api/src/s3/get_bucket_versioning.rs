//! GetBucketVersioning: never turned on.
use http::Response;

use super::{names, xml};
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    names::existing_bucket(app, request)?;
    Ok(xml::document("VersioningConfiguration", |_| {}))
}
