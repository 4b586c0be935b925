//! ListObjects, version 1.
use http::Response;
use sekisho_objects::ListingRequest;

use super::listing::{self, Encoding};
use super::{names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::bucket(request)?;
    let encoding = Encoding::of(request)?;
    let text = |name: &str| request.query(name).filter(|text| !text.is_empty());
    let asked = ListingRequest {
        prefix: text("prefix").unwrap_or_default().to_owned(),
        delimiter: text("delimiter").map(str::to_owned),
        after: text("marker").map(str::to_owned),
        after_version: None,
        max_keys: listing::max_keys(request, "max-keys")?,
    };
    let owner = names::owner_id(app);
    let cores = app.state.read();
    let page = cores.objects.bucket(&bucket)?.list(&asked);
    Ok(xml::document("ListBucketResult", |out| {
        element(out, "Name", bucket.as_str());
        encoding.write(out, "Prefix", &asked.prefix);
        encoding.write(out, "Marker", asked.after.as_deref().unwrap_or_default());
        // Without a delimiter, clients go on from the last key.
        if let Some(next) = page.next_after.as_deref().filter(|_| asked.delimiter.is_some()) {
            encoding.write(out, "NextMarker", next);
        }
        element(out, "MaxKeys", &asked.max_keys.to_string());
        asked.delimiter.iter().for_each(|delimiter| encoding.write(out, "Delimiter", delimiter));
        if encoding == Encoding::Url {
            element(out, "EncodingType", "url");
        }
        element(out, "IsTruncated", if page.next_after.is_some() { "true" } else { "false" });
        listing::entries(out, &page, encoding, Some(&owner));
    }))
}
