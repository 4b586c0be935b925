//! HeadObject.
use http::Response;

use super::names;
use super::read::{self, Selected};
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    read::check(request)?;
    let (bucket, key) = (names::bucket(request)?, names::key(request)?);
    let record = app.state.read().objects.object(&bucket, &key)?.clone();
    match read::select(request, &record)? {
        Selected::NotModified(response) | Selected::Bytes { head: response, .. } => Ok(response),
    }
}
