//! S3: a file an operation, over the object store.
//!
//! Receives verified requests whose bodies are still to come; hands back XML, headers and streams. What a header asks for
//! and this server does not do is refused by name, never ignored.
mod abort_multipart_upload;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_bucket_encryption;
mod delete_object;
mod delete_objects;
mod get_bucket_encryption;
mod get_bucket_location;
mod get_object;
mod get_object_attributes;
mod head_bucket;
mod head_object;
mod list_buckets;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects;
mod list_objects_v2;
mod list_parts;
pub(crate) mod post_object;
mod put_bucket_encryption;
mod put_object;
mod update_object_encryption;
mod upload_part;
mod upload_part_copy;

mod acl; // who owns what, which is always the account
pub(crate) mod cors; // what browsers may send
mod lifecycle; // when objects expire
mod ownership_controls; // whose ACLs count
mod policy; // a bucket's policy, kept and told
mod public_access_block; // that nobody makes it public
mod settings; // what the settings of a bucket share
mod tagging; // tags of buckets and objects
mod unset; // settings that none has here
mod versioning; // whether what is replaced stays

mod authorize; // what a bucket's policy says of a request
mod claimed; // the digests a client claims
mod copy_source; // what a copy is made of
mod describe; // what a put's headers say of the object
mod error; // refusals in S3's words
mod listing; // what both ListObjects share
mod names; // bucket and key, checked
mod read; // what GET and HEAD share
mod receive; // a body into an upload
mod show; // an object's headers in an answer
mod xml; // documents in both directions

use http::Response;

use crate::{ApiError, App, Body, S3Request};

/// Answers an operation.
pub(crate) async fn handle(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    names::check_expected_owner(app, &request)?;
    authorize::authorize(app, &request)?;
    if let Some(cleared) = settings::cleared(request.operation) {
        return settings::set(app, names::bucket(&request)?, cleared, 204).await;
    }
    match request.operation {
        "AbortMultipartUpload" => abort_multipart_upload::run(app, request).await,
        "CompleteMultipartUpload" => complete_multipart_upload::run(app, request).await,
        "CopyObject" => copy_object::run(app, request).await,
        "CreateBucket" => create_bucket::run(app, request).await,
        "CreateMultipartUpload" => create_multipart_upload::run(app, request).await,
        "DeleteBucket" => delete_bucket::run(app, request).await,
        "DeleteBucketEncryption" => delete_bucket_encryption::run(app, request).await,
        "DeleteObject" => delete_object::run(app, request).await,
        "DeleteObjectTagging" => tagging::delete_object(app, request).await,
        "DeleteObjects" => delete_objects::run(app, request).await,
        "GetBucketAcl" | "GetObjectAcl" => acl::get(app, &request),
        "GetBucketCors" => cors::get(app, &request),
        "GetBucketEncryption" => get_bucket_encryption::run(app, &request),
        "GetBucketLifecycleConfiguration" => lifecycle::get(app, &request),
        "GetBucketLocation" => get_bucket_location::run(app, &request),
        "GetBucketOwnershipControls" => ownership_controls::get(app, &request),
        "GetBucketPolicy" => policy::get(app, &request),
        "GetBucketPolicyStatus" => policy::status(app, &request),
        "GetBucketTagging" => tagging::get_bucket(app, &request),
        "GetBucketVersioning" => versioning::get(app, &request),
        "GetObject" => get_object::run(app, request).await,
        "GetObjectAttributes" => get_object_attributes::run(app, &request),
        "GetObjectTagging" => tagging::get_object(app, &request),
        "GetPublicAccessBlock" => public_access_block::get(app, &request),
        "HeadBucket" => head_bucket::run(app, &request),
        "HeadObject" => head_object::run(app, &request),
        "ListBuckets" => list_buckets::run(app, &request),
        "ListMultipartUploads" => list_multipart_uploads::run(app, &request),
        "ListObjectVersions" => list_object_versions::run(app, &request),
        "ListObjects" => list_objects::run(app, &request),
        "ListObjectsV2" => list_objects_v2::run(app, &request),
        "ListParts" => list_parts::run(app, &request),
        "PutBucketAcl" | "PutObjectAcl" => acl::put(app, request).await,
        "PutBucketCors" => cors::put(app, request).await,
        "PutBucketEncryption" => put_bucket_encryption::run(app, request).await,
        "PutBucketLifecycleConfiguration" => lifecycle::put(app, request).await,
        "PutBucketOwnershipControls" => ownership_controls::put(app, request).await,
        "PutBucketPolicy" => policy::put(app, request).await,
        "PutBucketTagging" => tagging::put_bucket(app, request).await,
        "PutBucketVersioning" => versioning::put(app, request).await,
        "PutObject" => put_object::run(app, request).await,
        "PutObjectTagging" => tagging::put_object(app, request).await,
        "PutPublicAccessBlock" => public_access_block::put(app, request).await,
        "UpdateObjectEncryption" => update_object_encryption::run(app, request).await,
        "UploadPart" => upload_part::run(app, request).await,
        "UploadPartCopy" => upload_part_copy::run(app, request).await,
        "GetBucketAccelerateConfiguration"
        | "GetBucketLogging"
        | "GetBucketNotificationConfiguration"
        | "GetBucketReplication"
        | "GetBucketRequestPayment"
        | "GetBucketWebsite"
        | "GetObjectLockConfiguration" => unset::get(app, &request),
        "DeleteBucketReplication"
        | "DeleteBucketWebsite"
        | "PutBucketAccelerateConfiguration"
        | "PutBucketLogging"
        | "PutBucketNotificationConfiguration"
        | "PutBucketRequestPayment" => unset::put(app, request).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

/// Told before a change is begun: the journal's queue is full.
fn check_room(app: &App) -> Result<(), ApiError> {
    match app.state.journal().queue_has_room() {
        true => Ok(()),
        false => Err(ApiError::unavailable("the journal's queue is full")),
    }
}

/// Told before a body is taken: there is no room for it. Buckets can be made and objects deleted then.
fn check_room_for_body(app: &App) -> Result<(), ApiError> {
    match app.state.journal().has_room() {
        true => Ok(()),
        false => Err(ApiError::unavailable("the journal's queue or the disk is full")),
    }
}

/// An answer without a body.
fn bare(status: u16) -> Result<Response<Body>, ApiError> {
    Response::builder().status(status).body(crate::empty()).map_err(ApiError::internal)
}
