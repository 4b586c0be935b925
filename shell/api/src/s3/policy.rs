//! PutBucketPolicy, GetBucketPolicy, GetBucketPolicyStatus.
use http::Response;
use sekisho_iam::{AttachedPolicy, ResourcePolicy};
use sekisho_objects::Setting;

use super::authorize::root;
use super::claimed::Claimed;
use super::{names, settings, show, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

/// S3 user guide: "Bucket policies are limited to 20 KB in size".
const POLICY_BYTES_MAX: usize = 20 * 1024;

pub(super) async fn put(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::existing_bucket(app, &request)?;
    let claimed = Claimed::of(&request)?;
    let body = request.read_all(POLICY_BYTES_MAX).await?;
    claimed.check(&request, &body)?;
    let malformed = |message: String| ApiError::new(400, "MalformedPolicy", message);
    let text = String::from_utf8(body.to_vec())
        .map_err(|_| malformed("Policies must be valid JSON and the first byte must be '{'".into()))?;
    let attached = AttachedPolicy::new(text);
    let policy = attached.policy().map_err(|error| malformed(error.to_string()))?;
    let arn = format!("arn:aws:s3:::{bucket}");
    let ours =
        |resource: &str| resource == arn || resource.strip_prefix(&arn).is_some_and(|rest| rest.starts_with('/'));
    if let Some(_foreign) =
        policy.resources().find(|resource| !ours(resource) && !resource.starts_with("arn:aws:s3:::*"))
    {
        return Err(malformed("Policy has invalid resource".into()));
    }
    if policy.actions().any(|action| action != "*" && !action.to_ascii_lowercase().starts_with("s3:")) {
        return Err(malformed("Policy has invalid action".into()));
    }
    let blocked = {
        let cores = app.state.read();
        let block = cores.objects.bucket(&bucket)?.settings.public_access_block;
        policy.is_public() && block.is_some_and(|block| block.block_public_policy)
    };
    if blocked {
        let message = format!(
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"{arn}\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            root(app)
        );
        return Err(ApiError::new(403, "AccessDenied", message));
    }
    settings::set(app, bucket, Setting::Policy(Some(attached)), 204).await
}

pub(super) fn get(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let mut response = Response::new(crate::full(settings.policy.as_ref()?.text().to_owned()));
        show::set(response.headers_mut(), "content-type", "application/json");
        Some(response)
    })
}

pub(super) fn status(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let public = settings.policy.as_ref()?.policy().is_ok_and(ResourcePolicy::is_public);
        Some(xml::document("PolicyStatus", |out| element(out, "IsPublic", if public { "true" } else { "false" })))
    })
}
