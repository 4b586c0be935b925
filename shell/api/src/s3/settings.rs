//! What the settings of a bucket share: one way to set them, one to get them, and the answer where there is none.
use http::Response;
use sekisho_objects::{BucketSettings, ObjectsError, Setting};
use sekisho_state::Event;
use sekisho_types::BucketName;

use super::{bare, check_room, names};
use crate::{ApiError, App, Body, S3Request};

/// What an operation that clears a setting leaves of it.
pub(super) fn cleared(operation: &str) -> Option<Setting> {
    match operation {
        "DeleteBucketCors" => Some(Setting::Cors(None)),
        "DeleteBucketLifecycle" => Some(Setting::Lifecycle(None)),
        "DeleteBucketOwnershipControls" => Some(Setting::Ownership(None)),
        "DeleteBucketPolicy" => Some(Setting::Policy(None)),
        "DeleteBucketTagging" => Some(Setting::Tags(None)),
        "DeletePublicAccessBlock" => Some(Setting::PublicAccessBlock(None)),
        _ => None,
    }
}

/// Sets one of a bucket's settings.
pub(super) async fn set(
    app: &App,
    bucket: BucketName,
    setting: Setting,
    status: u16,
) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let set = app.state.commit(|cores| {
        let events = cores.objects.set(&bucket, setting)?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    set.await?;
    bare(status)
}

/// Answers one of a bucket's settings, or that it has none.
pub(super) fn get(
    app: &App,
    request: &S3Request,
    answer: impl FnOnce(&BucketSettings) -> Option<Response<Body>>,
) -> Result<Response<Body>, ApiError> {
    let bucket = names::bucket(request)?;
    let cores = app.state.read();
    let settings = &cores.objects.bucket(&bucket)?.settings;
    answer(settings).ok_or_else(|| {
        let (code, message) = match request.operation {
            "GetBucketCors" => ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
            "GetBucketLifecycleConfiguration" => {
                ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")
            }
            "GetBucketOwnershipControls" => {
                ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
            }
            "GetBucketPolicy" | "GetBucketPolicyStatus" => ("NoSuchBucketPolicy", "The bucket policy does not exist"),
            "GetBucketTagging" => ("NoSuchTagSet", "The TagSet does not exist"),
            _ => ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
        };
        ApiError::new(404, code, message).with("BucketName", bucket.as_str())
    })
}
