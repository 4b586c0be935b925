//! HeadObject.
use http::Response;

use super::read::{self, Selected};
use super::{names, show};
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let customer = read::check(request)?;
    let (bucket, key) = (names::bucket(request)?, names::key(request)?);
    let got = app.objects.head(&bucket, &key, names::version(request)?, customer.as_ref())?;
    match read::select(request, &got, customer.as_ref())? {
        Selected::NotModified(response) => Ok(response),
        Selected::Bytes { head: mut response, .. } => {
            show::expiration(response.headers_mut(), app, (&bucket, &key), names::version(request)?);
            Ok(response)
        }
    }
}
