//! DeleteBucket.
use http::Response;

use super::{bare, check_room, names};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let bucket = names::bucket(&request)?;
    app.objects.delete_bucket(&bucket).await?;
    bare(204)
}
