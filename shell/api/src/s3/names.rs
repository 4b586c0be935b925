//! Bucket and key, checked; whose they are.
use aws_lc_rs::digest::{SHA256, digest};
use sekisho_blobs::{UploadName, upload_id};
use sekisho_objects::VersionId;
use sekisho_types::{AccountId, BucketName, ObjectKey};

use super::describe::given;
use super::error::invalid_argument;
use crate::{ApiError, App, S3Request};

/// The bucket a request names.
pub(super) fn bucket(request: &S3Request) -> Result<BucketName, ApiError> {
    bucket_name(request.bucket.as_deref().unwrap_or_default())
}

pub(super) fn bucket_name(name: &str) -> Result<BucketName, ApiError> {
    let refused =
        |_| ApiError::new(400, "InvalidBucketName", "The specified bucket is not valid.").with("BucketName", name);
    BucketName::parse(name).map_err(refused)
}

/// The key a request names.
pub(super) fn key(request: &S3Request) -> Result<ObjectKey, ApiError> {
    object_key(request.key.as_deref().unwrap_or_default())
}

pub(super) fn object_key(key: &str) -> Result<ObjectKey, ApiError> {
    let refused = |_| {
        let size = key.len().to_string();
        ApiError::new(400, "KeyTooLongError", "Your key is too long").with("Size", size).with("MaxSizeAllowed", "1024")
    };
    ObjectKey::parse(key).map_err(refused)
}

/// A bucket that exists.
pub(super) fn existing_bucket(app: &App, request: &S3Request) -> Result<BucketName, ApiError> {
    let name = bucket(request)?;
    app.state.read().objects.bucket(&name)?;
    Ok(name)
}

/// The version a request names, if it names one.
pub(super) fn version(request: &S3Request) -> Result<Option<VersionId>, ApiError> {
    request.query("versionId").map(version_id).transpose()
}

pub(super) fn version_id(text: &str) -> Result<VersionId, ApiError> {
    let refused = || invalid_argument("Invalid version id specified", "versionId", text);
    VersionId::parse(text).ok_or_else(refused)
}

/// The upload in parts a request names.
pub(super) fn upload(request: &S3Request) -> Result<UploadName, ApiError> {
    let id = upload_id(request.query("uploadId").unwrap_or_default());
    Ok(UploadName { bucket: bucket(request)?, key: key(request)?, id: id? })
}

/// `x-amz-expected-bucket-owner`: the caller wants to be sure whose bucket it is.
pub(super) fn check_expected_owner(app: &App, request: &S3Request) -> Result<(), ApiError> {
    let ours = app.state.tenant().account.to_string();
    for name in ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"] {
        let Some(owner) = given(request, name) else { continue };
        if AccountId::parse(owner).is_err() {
            let message =
                format!("The value of the expected bucket owner parameter must be an AWS account ID: {owner}");
            return Err(ApiError::new(400, "InvalidBucketOwnerAWSAccountID", message).with("ArgumentName", name));
        }
        if owner != ours {
            return Err(ApiError::new(403, "AccessDenied", "Access Denied"));
        }
    }
    Ok(())
}

/// The account's canonical user id: 64 hexadecimal digits that are the same every time.
pub(super) fn owner_id(app: &App) -> String {
    let account = format!("sekisho canonical user {}", app.state.tenant().account);
    digest(&SHA256, account.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
