//! CreateBucket.
use http::Response;
use sekisho_objects::ObjectsError;
use sekisho_state::{CommitError, Event};

use super::error::header_not_implemented;
use super::{bare, check_room, describe, names, show, tagging, xml};
use crate::{ApiError, App, Body, S3Request};

/// Where making one's own bucket again is no error (CreateBucket: `BucketAlreadyOwnedByYou`).
const FIRST_REGION: &str = "us-east-1";
const BODY_BYTES_MAX: usize = 64 * 1024;

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let bucket = names::bucket(&request)?;
    if describe::grants(&request) || request.header("x-amz-acl").is_some_and(|acl| acl != "private") {
        let message = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting";
        return Err(ApiError::new(400, "InvalidBucketAclWithObjectOwnership", message));
    }
    if request.header("x-amz-bucket-object-lock-enabled").is_some_and(|enabled| !enabled.eq_ignore_ascii_case("false"))
    {
        return Err(header_not_implemented("x-amz-bucket-object-lock-enabled"));
    }
    if request.header("x-amz-object-ownership").is_some_and(|ownership| ownership != "BucketOwnerEnforced") {
        return Err(header_not_implemented("x-amz-object-ownership"));
    }
    let configuration = xml::read(&mut request, "CreateBucketConfiguration", BODY_BYTES_MAX).await?.unwrap_or_default();
    for name in ["Location", "Bucket"] {
        if configuration.child(name)?.is_some_and(|child| !child.children.is_empty()) {
            return Err(header_not_implemented(name));
        }
    }
    check_location(app, configuration.text("LocationConstraint")?)?;
    let tags = configuration.child("Tags")?.map(tagging::of_bucket).transpose()?;
    if app.settings.remote_buckets.contains(&bucket) {
        let message = format!("{bucket} is a bucket that another S3 keeps: delivery streams deliver there");
        return Err(ApiError::new(409, "BucketAlreadyExists", message));
    }
    let now = app.state.now();
    let made = app.state.commit(|cores| {
        let events = cores.objects.create_bucket(now, &bucket, tags)?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), ()))
    });
    match made.await {
        Ok(()) => {}
        Err(CommitError::Command(ObjectsError::BucketAlreadyOwnedByYou(_)))
            if app.state.tenant().region.as_str() == FIRST_REGION => {}
        Err(error) => return Err(error.into()),
    }
    let mut response = bare(200)?;
    show::set(response.headers_mut(), "location", &format!("/{bucket}"));
    Ok(response)
}

fn check_location(app: &App, constraint: Option<&str>) -> Result<(), ApiError> {
    let ours = app.state.tenant().region.as_str();
    let message = match constraint.map(str::trim).filter(|constraint| !constraint.is_empty()) {
        Some(constraint) if constraint == ours => return Ok(()),
        None if ours == FIRST_REGION => return Ok(()),
        Some(constraint) => format!(
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        ),
        None => "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.".into(),
    };
    Err(ApiError::new(400, "IllegalLocationConstraintException", message))
}
