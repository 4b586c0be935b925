//! DeleteObjects: up to 1,000 at once, in one commit.
use std::borrow::Cow;

use http::Response;
use sekisho_objects::{Deletion, Precondition, VersionId};
use sekisho_types::ObjectKey;

use super::claimed::Claimed;
use super::error::malformed_xml;
use super::{authorize, check_room, names, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

/// 1,000 keys of 1,024 bytes, most of them escaped.
const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
const KEYS_MAX: usize = 1000;

struct Refused {
    key: String,
    version: Option<String>,
    code: Cow<'static, str>,
    message: String,
}

impl Refused {
    fn of(key: &ObjectKey, version: Option<VersionId>, refusal: ApiError) -> Self {
        let version = version.map(|version| version.to_string());
        Self { key: key.as_str().to_owned(), version, code: refusal.code, message: refusal.message }
    }
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
    let (mut deletions, mut refused) = (Vec::new(), Vec::new());
    for object in document.all("Object") {
        let key = object.text("Key")?.ok_or_else(malformed_xml)?;
        let version = object.text("VersionId")?.filter(|version| !version.is_empty());
        let version = version.map(|text| VersionId::parse(text).ok_or(text)).transpose();
        let refuse = |code: &'static str, message: &str| {
            let version = object.text("VersionId")?.map(str::to_owned);
            Ok::<_, ApiError>(Refused { key: key.to_owned(), version, code: code.into(), message: message.into() })
        };
        if version.is_err() {
            refused.push(refuse("NoSuchVersion", "The specified version does not exist.")?);
        } else if ["LastModifiedTime", "Size"].iter().any(|name| object.all(name).next().is_some()) {
            refused.push(refuse("NotImplemented", "Conditional deletes are not offered by this server yet")?);
        } else {
            let key = ObjectKey::parse(key).map_err(|_| malformed_xml())?;
            let precondition = object.text("ETag")?.map(|etag| Precondition::Matches(etag.to_owned()));
            deletions.push(Deletion { key, version: version.unwrap_or_default(), precondition });
        }
    }
    if !(1..=KEYS_MAX).contains(&document.all("Object").count()) {
        return Err(malformed_xml());
    }
    // One that may not be deleted does not keep the others.
    deletions.retain(|Deletion { key, version, .. }| {
        let allowed = authorize::may_delete(app, &request, key.as_str(), *version);
        allowed.map_err(|refusal| refused.push(Refused::of(key, *version, refusal))).is_ok()
    });
    let names: Vec<_> = deletions.iter().map(|deletion| (deletion.key.clone(), deletion.version)).collect();
    let mut deleted = Vec::new();
    for ((key, version), outcome) in names.iter().zip(app.objects.delete_all(&bucket, deletions).await?) {
        match outcome {
            Ok(outcome) => deleted.push(outcome),
            Err(refusal) => refused.push(Refused::of(key, *version, refusal.into())),
        }
    }
    Ok(xml::document("DeleteResult", |out| {
        for deleted in deleted.iter().filter(|_| !quiet) {
            xml::nested(out, "Deleted", |out| {
                element(out, "Key", deleted.key.as_str());
                deleted.version.iter().for_each(|version| element(out, "VersionId", &version.to_string()));
                if let Some(marker) = deleted.marker {
                    element(out, "DeleteMarker", "true");
                    element(out, "DeleteMarkerVersionId", &marker.to_string());
                }
            });
        }
        for Refused { key, version, code, message } in &refused {
            xml::nested(out, "Error", |out| {
                element(out, "Key", key);
                version.iter().for_each(|version| element(out, "VersionId", version));
                element(out, "Code", code);
                element(out, "Message", message);
            });
        }
    }))
}
