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
mod get_bucket_versioning;
mod get_object;
mod head_bucket;
mod head_object;
mod list_buckets;
mod list_objects;
mod list_objects_v2;
mod list_parts;
mod put_bucket_encryption;
mod put_object;
mod upload_part;

mod claimed; // the digests a client claims
mod describe; // what a put's headers say of the object
mod error;
mod listing; // what both ListObjects share
mod names; // bucket and key, checked
mod read; // what GET and HEAD share
mod receive; // a body into an upload
mod show; // an object's headers in an answer
mod xml; // documents in both directions // refusals in S3's words

use http::Response;

use crate::{ApiError, App, Body, S3Request};

/// Answers an operation.
pub(crate) async fn handle(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    names::check_expected_owner(app, &request)?;
    match request.operation {
        "AbortMultipartUpload" => abort_multipart_upload::run(app, request).await,
        "CompleteMultipartUpload" => complete_multipart_upload::run(app, request).await,
        "CopyObject" => copy_object::run(app, request).await,
        "CreateBucket" => create_bucket::run(app, request).await,
        "CreateMultipartUpload" => create_multipart_upload::run(app, request).await,
        "DeleteBucket" => delete_bucket::run(app, request).await,
        "DeleteBucketEncryption" => delete_bucket_encryption::run(app, request).await,
        "DeleteObject" => delete_object::run(app, request).await,
        "DeleteObjects" => delete_objects::run(app, request).await,
        "GetBucketEncryption" => get_bucket_encryption::run(app, &request),
        "GetBucketLocation" => get_bucket_location::run(app, &request),
        "GetBucketVersioning" => get_bucket_versioning::run(app, &request),
        "GetObject" => get_object::run(app, request).await,
        "HeadBucket" => head_bucket::run(app, &request),
        "HeadObject" => head_object::run(app, &request),
        "ListBuckets" => list_buckets::run(app, &request),
        "ListObjects" => list_objects::run(app, &request),
        "ListObjectsV2" => list_objects_v2::run(app, &request),
        "ListParts" => list_parts::run(app, &request),
        "PutBucketEncryption" => put_bucket_encryption::run(app, request).await,
        "PutObject" => put_object::run(app, request).await,
        "UploadPart" => upload_part::run(app, request).await,
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
