//! DeleteBucketEncryption: back to SSE-S3, as often as one likes.
use http::Response;
use sekisho_objects::{BucketEncryption, ObjectsError};
use sekisho_state::Event;

use super::{bare, check_room, names};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let bucket = names::bucket(&request)?;
    let set = app.state.commit(|cores| {
        let events = cores.objects.set_bucket_encryption(&bucket, BucketEncryption::default())?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    set.await?;
    bare(204)
}
