//! AbortMultipartUpload.
use http::Response;

use super::{bare, names};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    app.objects.abort_multipart(&names::upload(&request)?).await?;
    bare(204)
}
