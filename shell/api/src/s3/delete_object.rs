//! DeleteObject: what is not there is deleted already.
use http::Response;

use super::error::header_not_implemented;
use super::{bare, check_room, names};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    names::check_version(&request)?;
    let conditions = ["if-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size"];
    if let Some(header) = conditions.iter().find(|name| request.header(name).is_some()) {
        return Err(header_not_implemented(header));
    }
    app.objects.delete(&names::bucket(&request)?, &names::key(&request)?).await?;
    bare(204)
}
