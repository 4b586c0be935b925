//! DeleteObject: what is not there is deleted already.
use http::Response;
use sekisho_objects::Deletion;

use super::error::header_not_implemented;
use super::{bare, check_room, describe, names, show};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let conditions = ["x-amz-if-match-last-modified-time", "x-amz-if-match-size"];
    if let Some(header) = conditions.iter().find(|name| request.header(name).is_some()) {
        return Err(header_not_implemented(header));
    }
    let (key, version) = (names::key(&request)?, names::version(&request)?);
    let deletion = Deletion { key, version, precondition: describe::precondition(&request)? };
    let deleted = app.objects.delete_all(&names::bucket(&request)?, vec![deletion]).await?;
    let mut response = bare(204)?;
    for deleted in deleted {
        let deleted = deleted?;
        if deleted.marker.is_some() {
            show::set(response.headers_mut(), "x-amz-delete-marker", "true");
        }
        show::version(response.headers_mut(), deleted.version.or(deleted.marker));
    }
    Ok(response)
}
