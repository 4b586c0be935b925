//! DeleteBucket.
use http::Response;
use sekisho_objects::ObjectsError;
use sekisho_state::Event;

use super::{bare, check_room, names};
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let bucket = names::bucket(&request)?;
    let deleted = app.state.commit(|cores| {
        let events = cores.objects.delete_bucket(&bucket)?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    deleted.await?;
    bare(204)
}
