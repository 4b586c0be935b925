//! HeadObject.
use http::Response;

use super::names;
use super::read::{self, Selected};
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let customer = read::check(request)?;
    let (bucket, key) = (names::bucket(request)?, names::key(request)?);
    let got = app.objects.head(&bucket, &key, names::version(request)?, customer.as_ref())?;
    match read::select(request, &got, customer.as_ref())? {
        Selected::NotModified(response) | Selected::Bytes { head: response, .. } => Ok(response),
    }
}
