//! ListObjectsV2.
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
    let (token, start_after) = (request.query("continuation-token"), text("start-after"));
    let asked = ListingRequest {
        prefix: text("prefix").unwrap_or_default().to_owned(),
        delimiter: text("delimiter").map(str::to_owned),
        // A token knows of start-after.
        after: token.map(listing::decode_token).transpose()?.or_else(|| start_after.map(str::to_owned)),
        after_version: None,
        max_keys: listing::max_keys(request, "max-keys")?,
    };
    let owner = (text("fetch-owner") == Some("true")).then(|| names::owner_id(app));
    let cores = app.state.read();
    let page = cores.objects.bucket(&bucket)?.list(&asked);
    Ok(xml::document("ListBucketResult", |out| {
        element(out, "Name", bucket.as_str());
        encoding.write(out, "Prefix", &asked.prefix);
        token.iter().for_each(|token| element(out, "ContinuationToken", token));
        if let Some(next) = &page.next_after {
            element(out, "NextContinuationToken", &listing::encode_token(next));
        }
        start_after.iter().for_each(|key| encoding.write(out, "StartAfter", key));
        element(out, "KeyCount", &page.entries.len().to_string());
        element(out, "MaxKeys", &asked.max_keys.to_string());
        asked.delimiter.iter().for_each(|delimiter| encoding.write(out, "Delimiter", delimiter));
        if encoding == Encoding::Url {
            element(out, "EncodingType", "url");
        }
        element(out, "IsTruncated", if page.next_after.is_some() { "true" } else { "false" });
        listing::entries(out, &page, encoding, owner.as_deref());
    }))
}
