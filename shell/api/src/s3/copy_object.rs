//! CopyObject: the source is opened with its own mode and sealed anew for the target.
use http::Response;
use percent_encoding::percent_decode_str;
use sekisho_blobs::NewObject;
use sekisho_objects::{ChecksumAlgorithm, Conditions, ObjectRecord, ObjectsError, Verdict};
use sekisho_types::{BucketName, ObjectKey};

use super::error::{header_not_implemented, invalid_argument};
use super::read::http_time;
use super::show::{self, Context};
use super::{check_room_for_body, describe, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const SOURCE: &str = "x-amz-copy-source";

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room_for_body(app)?;
    describe::check(&request)?;
    let (bucket, key) = (names::bucket(&request)?, names::key(&request)?);
    let (source_bucket, source_key) = source(&request)?;
    let replace = replaces_metadata(&request)?;
    let encryption = describe::encryption(&request)?;
    app.state.read().objects.bucket(&bucket)?;
    let (source, mut reader) = app.objects.get(&source_bucket, &source_key).await?;
    check_conditions(&request, &source)?;
    let onto_itself = (&source_bucket, &source_key) == (&bucket, &key);
    if onto_itself && !replace && encryption == Default::default() {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    let (headers, metadata) =
        if replace { describe::described(&request)? } else { (source.headers.clone(), source.metadata.clone()) };
    let new = NewObject {
        bucket,
        key,
        headers,
        metadata,
        encryption,
        checksum: algorithm(&request, &source)?,
        expected_checksum: None,
        content_md5: None,
    };
    let mut upload = app.objects.begin(new).await?;
    upload.require(describe::precondition(&request)?);
    let record = upload.write_from(&mut reader).await?.finish().await?;
    let mut response = xml::document("CopyObjectResult", |out| {
        xml::time(out, "LastModified", record.last_modified);
        element(out, "ETag", &show::quoted(&record.etag));
        if let Some(checksum) = &record.checksum {
            element(out, &format!("Checksum{}", checksum.algorithm.as_str()), &checksum.value);
            element(out, "ChecksumType", show::checksum_type(checksum));
        }
    });
    show::encryption(response.headers_mut(), &record.encryption, Context::Shown);
    Ok(response)
}

/// `/bucket/key` or `bucket/key`, encoded as in a URL.
fn source(request: &S3Request) -> Result<(BucketName, ObjectKey), ApiError> {
    let text = request.header(SOURCE).unwrap_or_default();
    let refused =
        || invalid_argument("Copy Source must mention the source bucket and key: sourcebucket/sourcekey", SOURCE, text);
    let (path, version) = match text.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    if version.is_some_and(|version| version != "null") {
        return Err(invalid_argument("Invalid version id specified", SOURCE, text));
    }
    let path = percent_decode_str(path).decode_utf8().map_err(|_| refused())?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').filter(|(_, key)| !key.is_empty()).ok_or_else(refused)?;
    Ok((names::bucket_name(bucket)?, names::object_key(key)?))
}

fn replaces_metadata(request: &S3Request) -> Result<bool, ApiError> {
    if request.header("x-amz-tagging-directive").is_some_and(|directive| directive != "COPY") {
        return Err(header_not_implemented("x-amz-tagging-directive"));
    }
    match request.header("x-amz-metadata-directive") {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => Err(invalid_argument("Unknown metadata directive.", "x-amz-metadata-directive", other)),
    }
}

fn check_conditions(request: &S3Request, source: &ObjectRecord) -> Result<(), ApiError> {
    let header = |name: &str| request.header(name).map(str::to_owned);
    let time = |name: &str| request.header(name).and_then(http_time);
    let conditions = Conditions {
        if_match: header("x-amz-copy-source-if-match"),
        if_none_match: header("x-amz-copy-source-if-none-match"),
        if_modified_since: time("x-amz-copy-source-if-modified-since"),
        if_unmodified_since: time("x-amz-copy-source-if-unmodified-since"),
    };
    match conditions.judge(source) {
        Verdict::Met => Ok(()),
        // A copy has no 304 (CopyObject).
        Verdict::NotModified => Err(ObjectsError::PreconditionFailed("x-amz-copy-source-If-None-Match").into()),
        Verdict::Failed(condition) => Err(ObjectsError::PreconditionFailed(condition).into()),
    }
}

/// The one asked for, else the source's.
fn algorithm(request: &S3Request, source: &ObjectRecord) -> Result<ChecksumAlgorithm, ApiError> {
    const HEADER: &str = "x-amz-checksum-algorithm";
    match request.header(HEADER) {
        Some(text) => ChecksumAlgorithm::parse(text).ok_or_else(|| header_not_implemented(HEADER)),
        None => Ok(source.checksum.as_ref().map_or(ChecksumAlgorithm::CRC64NVME, |checksum| checksum.algorithm)),
    }
}
