//! CreateMultipartUpload.
use http::Response;
use sekisho_blobs::NewMultipart;
use sekisho_objects::ChecksumAlgorithm;

use super::error::header_not_implemented;
use super::show::{self, Context};
use super::{check_room, describe, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) async fn run(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    describe::check(&request)?;
    let (bucket, key) = (names::bucket(&request)?, names::key(&request)?);
    let (checksum, composite) = checksum(&request)?;
    let (headers, metadata) = describe::described(&request)?;
    let encryption = describe::encryption(&request)?;
    let customer = encryption.customer.clone();
    let new = NewMultipart {
        bucket: bucket.clone(),
        key: key.clone(),
        headers,
        metadata,
        tags: describe::tags(&request)?,
        encryption,
        checksum,
        composite,
    };
    let (id, encryption) = app.objects.create_multipart(new).await?;
    let mut response = xml::document("InitiateMultipartUploadResult", |out| {
        element(out, "Bucket", bucket.as_str());
        element(out, "Key", key.as_str());
        element(out, "UploadId", &id.to_string());
    });
    let headers = response.headers_mut();
    show::encryption(headers, &encryption, customer.as_ref(), Context::Shown);
    if request.header("x-amz-checksum-algorithm").is_some() {
        show::set(headers, "x-amz-checksum-algorithm", checksum.as_str());
        show::set(headers, "x-amz-checksum-type", if composite { "COMPOSITE" } else { "FULL_OBJECT" });
    }
    Ok(response)
}

/// The algorithm, and whether the object's checksum is one of its parts' checksums. CRC64NVME knows only the whole, digests
/// only parts; the other CRCs know both, and are of parts unless the whole is asked for (CreateMultipartUpload).
fn checksum(request: &S3Request) -> Result<(ChecksumAlgorithm, bool), ApiError> {
    const ALGORITHM: &str = "x-amz-checksum-algorithm";
    let algorithm = match request.header(ALGORITHM) {
        None => ChecksumAlgorithm::CRC64NVME,
        Some(text) => ChecksumAlgorithm::parse(text).ok_or_else(|| header_not_implemented(ALGORITHM))?,
    };
    use ChecksumAlgorithm::{MD5, SHA1, SHA256, SHA512};
    let parts_only = matches!(algorithm, SHA1 | SHA256 | SHA512 | MD5);
    let whole_only = algorithm == ChecksumAlgorithm::CRC64NVME;
    match request.header("x-amz-checksum-type") {
        None => Ok((algorithm, !whole_only)),
        Some("COMPOSITE") if !whole_only => Ok((algorithm, true)),
        Some("FULL_OBJECT") if !parts_only => Ok((algorithm, false)),
        Some(other) => {
            let message = format!(
                "The {other} checksum type cannot be used with the {} checksum algorithm.",
                algorithm.as_str().to_lowercase()
            );
            Err(ApiError::new(400, "InvalidRequest", message))
        }
    }
}
