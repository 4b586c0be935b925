//! HeadBucket.
use http::Response;

use super::{bare, names, show};
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::existing_bucket(app, request)?;
    let mut response = bare(200)?;
    let headers = response.headers_mut();
    show::set(headers, "x-amz-bucket-region", app.state.tenant().region.as_str());
    show::set(headers, "x-amz-bucket-arn", &format!("arn:aws:s3:::{bucket}"));
    show::set(headers, "x-amz-access-point-alias", "false");
    Ok(response)
}
