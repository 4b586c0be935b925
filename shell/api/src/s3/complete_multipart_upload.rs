//! CompleteMultipartUpload. What goes wrong is an error's status, never a 200 with an error in it.
use http::Response;
use sekisho_blobs::Got;
use sekisho_objects::{ChecksumAlgorithm, CompletedPart, Completion, Encryption};

use super::error::malformed_xml;
use super::show::{self, Context};
use super::upload_part::number;
use super::{check_room, describe, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

/// 10,000 parts with ETag and checksum.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let name = names::upload(&request)?;
    let (bucket, key) = (&name.bucket, &name.key);
    let said = said(&request)?;
    let body = request.read_all(BODY_BYTES_MAX).await?;
    let document = xml::parse(&body).filter(|root| root.name == "CompleteMultipartUpload").ok_or_else(malformed_xml)?;
    // Of an upload that was completed before, nothing is asked but its parts.
    let checksum = {
        let cores = app.state.read();
        let upload = cores.objects.bucket(bucket)?.upload(key, name.id).ok();
        upload.map(|upload| format!("Checksum{}", upload.checksum.as_str()))
    };
    let parts = document.all("Part").map(|part| {
        let number = number(part.text("PartNumber")?.ok_or_else(malformed_xml)?.trim())?;
        let etag = part.text("ETag")?.ok_or_else(malformed_xml)?.trim().trim_matches('"').to_owned();
        let checksum = checksum.as_deref().map(|name| part.text(name)).transpose()?.flatten();
        let checksum = checksum.map(|text| text.trim().to_owned());
        Ok(CompletedPart { number, etag, checksum })
    });
    let parts: Vec<CompletedPart> = parts.collect::<Result<_, ApiError>>()?;
    if parts.is_empty() {
        return Err(malformed_xml());
    }
    let completed = app.objects.complete_multipart(&name, Completion { parts, ..said }).await?;
    let Got { record, version } = completed;
    let mut response = xml::document("CompleteMultipartUploadResult", |out| {
        element(out, "Location", &location(&request, bucket.as_str(), key.as_str()));
        element(out, "Bucket", bucket.as_str());
        element(out, "Key", key.as_str());
        element(out, "ETag", &show::quoted(&record.etag));
        if let Some(checksum) = &record.checksum {
            element(out, &format!("Checksum{}", checksum.algorithm.as_str()), &checksum.value);
            element(out, "ChecksumType", show::checksum_type(checksum));
        }
    });
    // Recorded: the answer says nothing of a customer's key.
    if !matches!(record.encryption, Encryption::Customer(_)) {
        show::encryption(response.headers_mut(), &record.encryption, None, Context::Hidden);
    }
    show::version(response.headers_mut(), version);
    show::expiration(response.headers_mut(), app, (bucket, key), version);
    Ok(response)
}

/// What its headers say of the object; the checksums are not this request's body's.
fn said(request: &S3Request) -> Result<Completion, ApiError> {
    const TYPE: &str = "x-amz-checksum-type";
    const SIZE: &str = "x-amz-mp-object-size";
    let invalid = |name: &str| ApiError::new(400, "InvalidRequest", format!("Value for {name} header is invalid."));
    let composite = match request.header(TYPE) {
        None => None,
        Some("COMPOSITE") => Some(true),
        Some("FULL_OBJECT") => Some(false),
        Some(_) => return Err(invalid(TYPE)),
    };
    let size = request.header(SIZE).map(|text| text.parse().map_err(|_| invalid(SIZE))).transpose()?;
    let checksum = ChecksumAlgorithm::ALL.iter().find_map(|algorithm| request.header(algorithm.header()));
    let precondition = describe::precondition(request)?;
    Ok(Completion { parts: Vec::new(), checksum: checksum.map(str::to_owned), composite, size, precondition })
}

/// Where the object is, by the name the server was called by.
fn location(request: &S3Request, bucket: &str, key: &str) -> String {
    let (host, key) = (request.header("host").unwrap_or_default(), xml::url_encoded(key));
    let scheme = if request.peer.secure { "https" } else { "http" };
    match host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) {
        true => format!("{scheme}://{host}/{key}"),
        false => format!("{scheme}://{host}/{bucket}/{key}"),
    }
}
