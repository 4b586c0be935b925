//! CopyObject: the source is opened with its own mode and sealed anew for the target.
use http::Response;
use sekisho_blobs::NewObject;
use sekisho_objects::{ChecksumAlgorithm, ObjectRecord, Pairs};

use super::copy_source::CopySource;
use super::error::{header_not_implemented, invalid_argument};
use super::show::{self, Context};
use super::{check_room_for_body, describe, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room_for_body(app)?;
    describe::check(&request)?;
    let (bucket, key) = (names::bucket(&request)?, names::key(&request)?);
    let from = CopySource::of(&request)?;
    let replace = directive(&request, "x-amz-metadata-directive")?;
    let replace_tags = directive(&request, "x-amz-tagging-directive")?;
    let encryption = describe::encryption(&request)?;
    app.state.read().objects.bucket(&bucket)?;
    let (source, mut reader) = from.open(app).await?;
    CopySource::check_size(source.record.size)?;
    let onto_itself = (&from.bucket, &from.key) == (&bucket, &key) && from.version.is_none();
    let stays = encryption == Default::default() && describe::given(&request, "x-amz-storage-class").is_none();
    if onto_itself && !replace && stays {
        let message = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    let (headers, metadata) = if replace {
        describe::described(&request)?
    } else {
        (source.record.headers.clone(), source.record.metadata.clone())
    };
    let tags: Pairs = if replace_tags { describe::tags(&request)? } else { source.record.tags.clone() };
    let customer = encryption.customer.clone();
    let new = NewObject {
        bucket: bucket.clone(),
        key: key.clone(),
        headers,
        metadata,
        tags,
        encryption,
        checksum: algorithm(&request, &source.record)?,
        expected_checksum: None,
        content_md5: None,
    };
    let mut upload = app.objects.begin(new).await?;
    upload.require(describe::precondition(&request)?);
    let copy = upload.write_from(&mut reader).await?.finish().await?;
    let mut response = xml::document("CopyObjectResult", |out| {
        xml::time(out, "LastModified", copy.record.last_modified);
        element(out, "ETag", &show::quoted(&copy.record.etag));
        if let Some(checksum) = &copy.record.checksum {
            element(out, &format!("Checksum{}", checksum.algorithm.as_str()), &checksum.value);
            element(out, "ChecksumType", show::checksum_type(checksum));
        }
    });
    let headers = response.headers_mut();
    show::encryption(headers, &copy.record.encryption, customer.as_ref(), Context::Shown);
    show::version(headers, copy.version);
    show::expiration(headers, app, (&bucket, &key), copy.version);
    source.version.iter().for_each(|id| show::set(headers, "x-amz-copy-source-version-id", &id.to_string()));
    Ok(response)
}

/// Whether metadata or tags come from the request and not from the source.
fn directive(request: &S3Request, header: &'static str) -> Result<bool, ApiError> {
    match request.header(header) {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) if header == "x-amz-metadata-directive" => {
            Err(invalid_argument("Unknown metadata directive.", header, other))
        }
        Some(other) => Err(invalid_argument("Unknown tagging directive.", header, other)),
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
