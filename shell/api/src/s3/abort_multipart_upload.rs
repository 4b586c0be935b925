//! AbortMultipartUpload.
use http::Response;

use super::{bare, names};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    let (bucket, key) = (names::bucket(&request)?, names::key(&request)?);
    app.objects.abort_multipart(request.query("uploadId").unwrap_or_default(), &bucket, &key).await?;
    bare(204)
}
