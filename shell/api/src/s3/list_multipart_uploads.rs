//! ListMultipartUploads.
use http::Response;
use sekisho_objects::{UploadId, UploadsRequest};

use super::listing::{self, Encoding};
use super::{names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::bucket(request)?;
    let encoding = Encoding::of(request)?;
    let text = |name: &str| request.query(name).filter(|text| !text.is_empty());
    let (key_marker, id_marker) = (text("key-marker"), text("upload-id-marker"));
    let asked = UploadsRequest {
        prefix: text("prefix").unwrap_or_default().to_owned(),
        delimiter: text("delimiter").map(str::to_owned),
        // Without a key, the marker of an upload is ignored (ListMultipartUploads).
        after: key_marker.map(|key| (key.to_owned(), id_marker.and_then(UploadId::parse))),
        max: listing::max_keys(request, "max-uploads")?,
    };
    let owner = names::owner_id(app);
    let cores = app.state.read();
    let page = cores.objects.bucket(&bucket)?.list_uploads(&asked);
    Ok(xml::document("ListMultipartUploadsResult", |out| {
        element(out, "Bucket", bucket.as_str());
        encoding.write(out, "KeyMarker", key_marker.unwrap_or_default());
        element(out, "UploadIdMarker", id_marker.unwrap_or_default());
        if let Some((key, id)) = &page.next {
            encoding.write(out, "NextKeyMarker", key);
            element(out, "NextUploadIdMarker", &id.map(|id| id.to_string()).unwrap_or_default());
        }
        encoding.write(out, "Prefix", &asked.prefix);
        asked.delimiter.iter().for_each(|delimiter| encoding.write(out, "Delimiter", delimiter));
        if encoding == Encoding::Url {
            element(out, "EncodingType", "url");
        }
        element(out, "MaxUploads", &asked.max.to_string());
        element(out, "IsTruncated", if page.next.is_some() { "true" } else { "false" });
        for (key, id, upload) in &page.uploads {
            xml::nested(out, "Upload", |out| {
                encoding.write(out, "Key", key.as_str());
                element(out, "UploadId", &id.to_string());
                ["Initiator", "Owner"].iter().for_each(|who| xml::nested(out, who, |out| element(out, "ID", &owner)));
                element(out, "StorageClass", "STANDARD");
                xml::time(out, "Initiated", upload.initiated);
                element(out, "ChecksumAlgorithm", upload.checksum.as_str());
                element(out, "ChecksumType", if upload.composite { "COMPOSITE" } else { "FULL_OBJECT" });
            });
        }
        for prefix in &page.prefixes {
            xml::nested(out, "CommonPrefixes", |out| encoding.write(out, "Prefix", prefix));
        }
    }))
}
