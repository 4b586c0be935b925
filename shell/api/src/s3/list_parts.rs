//! ListParts.
use http::Response;

use super::error::invalid_argument;
use super::{listing, names, show, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const MARKER: &str = "part-number-marker";

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let name = names::upload(request)?;
    let cores = app.state.read();
    let upload = cores.objects.bucket(&name.bucket)?.upload(&name.key, name.id)?;
    let max_parts = listing::max_keys(request, "max-parts")?;
    let marker = request.query(MARKER).filter(|text| !text.is_empty()).map(|text| {
        let message = "Provided part-number-marker not an integer or within integer range";
        text.parse::<u16>().map_err(|_| invalid_argument(message, MARKER, text))
    });
    let marker = marker.transpose()?.unwrap_or(0);
    let mut page: Vec<_> = upload.parts.range(marker.saturating_add(1)..).take(max_parts + 1).collect();
    let more = page.len() > max_parts;
    page.truncate(max_parts);
    let owner = names::owner_id(app);
    Ok(xml::document("ListPartsResult", |out| {
        element(out, "Bucket", name.bucket.as_str());
        element(out, "Key", name.key.as_str());
        element(out, "UploadId", &name.id.to_string());
        ["Initiator", "Owner"].iter().for_each(|who| xml::nested(out, who, |out| element(out, "ID", &owner)));
        element(out, "StorageClass", "STANDARD");
        element(out, "PartNumberMarker", &marker.to_string());
        let last = page.last().map_or(marker, |(number, _)| **number);
        element(out, "NextPartNumberMarker", &last.to_string());
        element(out, "MaxParts", &max_parts.to_string());
        element(out, "IsTruncated", if more { "true" } else { "false" });
        element(out, "ChecksumAlgorithm", upload.checksum.as_str());
        element(out, "ChecksumType", if upload.composite { "COMPOSITE" } else { "FULL_OBJECT" });
        for (number, part) in page {
            xml::nested(out, "Part", |out| {
                element(out, "PartNumber", &number.to_string());
                xml::time(out, "LastModified", part.last_modified);
                element(out, "ETag", &show::quoted(&part.etag));
                element(out, "Size", &part.body.size.to_string());
                element(out, &format!("Checksum{}", part.checksum.algorithm.as_str()), &part.checksum.value);
            });
        }
    }))
}
