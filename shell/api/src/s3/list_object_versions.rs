//! ListObjectVersions.
use http::Response;
use sekisho_objects::{Listed, ListingRequest};

use super::listing::{self, Encoding};
use super::{names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

pub(super) fn run(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let bucket = names::bucket(request)?;
    let encoding = Encoding::of(request)?;
    let text = |name: &str| request.query(name).filter(|text| !text.is_empty());
    if text("version-id-marker").is_some() && text("key-marker").is_none() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(super::error::invalid_argument(
            message,
            "version-id-marker",
            text("version-id-marker").unwrap_or_default(),
        ));
    }
    let asked = ListingRequest {
        prefix: text("prefix").unwrap_or_default().to_owned(),
        delimiter: text("delimiter").map(str::to_owned),
        after: text("key-marker").map(str::to_owned),
        after_version: text("version-id-marker").map(names::version_id).transpose()?,
        max_keys: listing::max_keys(request, "max-keys")?,
    };
    let owner = names::owner_id(app);
    let cores = app.state.read();
    let page = cores.objects.bucket(&bucket)?.list_versions(&asked);
    Ok(xml::document("ListVersionsResult", |out| {
        element(out, "Name", bucket.as_str());
        encoding.write(out, "Prefix", &asked.prefix);
        encoding.write(out, "KeyMarker", asked.after.as_deref().unwrap_or_default());
        element(out, "VersionIdMarker", &asked.after_version.map(|id| id.to_string()).unwrap_or_default());
        page.next_after.iter().for_each(|next| encoding.write(out, "NextKeyMarker", next));
        page.next_after_version.iter().for_each(|next| element(out, "NextVersionIdMarker", &next.to_string()));
        element(out, "MaxKeys", &asked.max_keys.to_string());
        asked.delimiter.iter().for_each(|delimiter| encoding.write(out, "Delimiter", delimiter));
        if encoding == Encoding::Url {
            element(out, "EncodingType", "url");
        }
        element(out, "IsTruncated", if page.next_after.is_some() { "true" } else { "false" });
        for entry in &page.entries {
            let Listed::Version(key, version, newest) = entry else { continue };
            let object = version.object();
            xml::nested(out, if object.is_some() { "Version" } else { "DeleteMarker" }, |out| {
                encoding.write(out, "Key", key);
                element(out, "VersionId", &version.id.to_string());
                element(out, "IsLatest", if *newest { "true" } else { "false" });
                xml::time(out, "LastModified", version.last_modified());
                object.iter().for_each(|record| listing::of_object(out, record));
                xml::nested(out, "Owner", |out| element(out, "ID", &owner));
            });
        }
        listing::common_prefixes(out, &page, encoding);
    }))
}
