//! CompleteMultipartUpload. What goes wrong is an error's status, never a 200 with an error in it.
use http::Response;
use sekisho_blobs::Got;
use sekisho_objects::{ChecksumAlgorithm, CompletedPart, Encryption};

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
    let precondition = describe::precondition(&request)?;
    // Here the checksum headers are of the object, not of this request's body.
    let expected = expected_checksum(&request);
    let body = request.read_all(BODY_BYTES_MAX).await?;
    let document = xml::parse(&body).filter(|root| root.name == "CompleteMultipartUpload").ok_or_else(malformed_xml)?;
    let checksum = {
        let cores = app.state.read();
        format!("Checksum{}", cores.objects.bucket(bucket)?.upload(key, name.id)?.checksum.as_str())
    };
    let parts = document.all("Part").map(|part| {
        let number = number(part.text("PartNumber")?.ok_or_else(malformed_xml)?.trim())?;
        let etag = part.text("ETag")?.ok_or_else(malformed_xml)?.trim().trim_matches('"').to_owned();
        let checksum = part.text(&checksum)?.map(|text| text.trim().to_owned());
        Ok(CompletedPart { number, etag, checksum })
    });
    let parts: Vec<CompletedPart> = parts.collect::<Result<_, ApiError>>()?;
    if parts.is_empty() {
        return Err(malformed_xml());
    }
    let completed = app.objects.complete_multipart(&name, parts, expected, precondition).await?;
    let Got { record, version } = completed;
    let mut response = xml::document("CompleteMultipartUploadResult", |out| {
        element(
            out,
            "Location",
            &format!("http://{}/{bucket}/{}", app.settings.hostname(), xml::url_encoded(key.as_str())),
        );
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
    Ok(response)
}

fn expected_checksum(request: &S3Request) -> Option<String> {
    ChecksumAlgorithm::ALL.iter().find_map(|algorithm| request.header(algorithm.header())).map(str::to_owned)
}
