//! GetBucketLocation: empty for us-east-1 (GetBucketLocation: LocationConstraint).
use http::Response;

use super::{names, xml};
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    names::existing_bucket(app, request)?;
    let region = app.state.tenant().region.as_str();
    // A region's name has nothing to escape.
    Ok(xml::document("LocationConstraint", |out| out.push_str(if region == "us-east-1" { "" } else { region })))
}
