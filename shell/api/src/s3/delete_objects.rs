//! DeleteObjects: up to 1,000 at once, in one commit.
use std::collections::BTreeSet;

use http::Response;
use sekisho_types::ObjectKey;

use super::claimed::Claimed;
use super::error::malformed_xml;
use super::{check_room, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

/// 1,000 keys of 1,024 bytes, most of them escaped.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const KEYS_MAX: usize = 1000;

struct Refused {
    key: String,
    code: &'static str,
    message: &'static str,
}

pub(super) async fn run(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    if !Claimed::of(&request)?.is_any() {
        let message = "Missing required header for this request: Content-MD5";
        return Err(ApiError::new(400, "InvalidRequest", message));
    }
    let bucket = names::existing_bucket(app, &request)?;
    let document = xml::read(&mut request, "Delete", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    let quiet = document.boolean("Quiet")?.unwrap_or(false);
    let (mut keys, mut refused) = (BTreeSet::new(), Vec::new());
    for object in document.all("Object") {
        let key = object.text("Key")?.ok_or_else(malformed_xml)?;
        if object.text("VersionId")?.is_some_and(|version| version != "null") {
            let message = "The specified version does not exist.";
            refused.push(Refused { key: key.to_owned(), code: "NoSuchVersion", message });
        } else if ["ETag", "LastModifiedTime", "Size"].iter().any(|name| object.all(name).next().is_some()) {
            let message = "Conditional deletes are not offered by this server yet";
            refused.push(Refused { key: key.to_owned(), code: "NotImplemented", message });
        } else {
            keys.insert(ObjectKey::parse(key).map_err(|_| malformed_xml())?);
        }
    }
    if !(1..=KEYS_MAX).contains(&document.all("Object").count()) {
        return Err(malformed_xml());
    }
    app.objects.delete_all(&bucket, keys.clone()).await?;
    Ok(xml::document("DeleteResult", |out| {
        for key in keys.iter().filter(|_| !quiet) {
            xml::nested(out, "Deleted", |out| element(out, "Key", key.as_str()));
        }
        for Refused { key, code, message } in &refused {
            xml::nested(out, "Error", |out| {
                element(out, "Key", key);
                element(out, "Code", code);
                element(out, "Message", message);
            });
        }
    }))
}
