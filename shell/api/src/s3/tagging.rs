//! Tags of buckets and of objects: put, get, delete.
use std::collections::BTreeMap;

use http::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sekisho_objects::{ObjectsError, Pairs, Setting, VersionId};
use sekisho_state::Event;
use sekisho_types::{BucketName, ObjectKey};

use super::error::malformed_xml;
use super::xml::Element;
use super::{bare, check_room, names, settings, show, xml};
use crate::render::element;
use crate::{ApiError, App, Body, S3Request};

const BODY_BYTES_MAX: usize = 128 * 1024;
/// S3 user guide: "Categorizing your objects using tags".
pub(super) const OBJECT_TAGS_MAX: usize = 10;
const BUCKET_TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Tags as a map, if S3 would have them.
pub(super) fn checked(
    pairs: impl IntoIterator<Item = (String, String)>,
    max: usize,
) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = |message: &str| ApiError::new(400, "InvalidTag", message);
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || !key.chars().all(allowed) {
            return Err(invalid("The TagKey you have provided is invalid").with("TagKey", key));
        }
        if value.chars().count() > VALUE_CHARS_MAX || !value.chars().all(allowed) {
            return Err(invalid("The TagValue you have provided is invalid")
                .with("TagKey", key)
                .with("TagValue", value));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("System tags cannot be added/updated by requester").with("TagKey", key));
        }
        if let Some(_twice) = tags.insert(key.clone(), value) {
            return Err(invalid("Cannot provide multiple Tags with the same key").with("TagKey", key));
        }
    }
    match tags.len() <= max {
        true => Ok(tags),
        false if max == OBJECT_TAGS_MAX => {
            Err(ApiError::new(400, "BadRequest", "Object tags cannot be greater than 10"))
        }
        false => Err(ApiError::new(400, "BadRequest", format!("Bucket tag count cannot be greater than {max}"))),
    }
}

/// Letters, spaces and numbers of UTF-8, and a few signs (S3 user guide: "Categorizing your objects using tags").
fn allowed(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "+-=._:/@".contains(c)
}

async fn read(request: &mut S3Request, max: usize) -> Result<BTreeMap<String, String>, ApiError> {
    let document = xml::read(request, "Tagging", BODY_BYTES_MAX).await?.ok_or_else(malformed_xml)?;
    of_document(&document, max)
}

/// The document in a form's field, as the header `x-amz-tagging` says the same.
pub(super) fn as_header(document: &str) -> Result<String, ApiError> {
    let document = xml::parse(document.as_bytes()).filter(|root| root.name == "Tagging").ok_or_else(malformed_xml)?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let tags = of_document(&document, OBJECT_TAGS_MAX)?;
    let pairs: Vec<String> = tags.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
    Ok(pairs.join("&"))
}

fn of_document(document: &Element, max: usize) -> Result<BTreeMap<String, String>, ApiError> {
    of_set(document.child("TagSet")?.ok_or_else(malformed_xml)?, max)
}

/// The tags a bucket is made with.
pub(super) fn of_bucket(set: &Element) -> Result<BTreeMap<String, String>, ApiError> {
    of_set(set, BUCKET_TAGS_MAX)
}

fn of_set(set: &Element, max: usize) -> Result<BTreeMap<String, String>, ApiError> {
    let tag = |tag: &Element| {
        let text = |name| tag.text(name)?.ok_or_else(malformed_xml).map(str::to_owned);
        Ok((text("Key")?, text("Value")?))
    };
    let pairs: Vec<(String, String)> = set.all("Tag").map(tag).collect::<Result<_, ApiError>>()?;
    checked(pairs, max)
}

fn answer<'a>(tags: impl Iterator<Item = (&'a str, &'a str)>) -> Response<Body> {
    xml::document("Tagging", |out| {
        xml::nested(out, "TagSet", |out| {
            for (key, value) in tags {
                xml::nested(out, "Tag", |out| {
                    element(out, "Key", key);
                    element(out, "Value", value);
                });
            }
        });
    })
}

pub(super) async fn put_bucket(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    let tags = read(&mut request, BUCKET_TAGS_MAX).await?;
    settings::set(app, names::bucket(&request)?, Setting::Tags(Some(tags)), 204).await
}

pub(super) fn get_bucket(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    settings::get(app, request, |settings| {
        let tags = settings.tags.as_ref()?;
        Some(answer(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
    })
}

pub(super) async fn put_object(app: &App, mut request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    let tags = read(&mut request, OBJECT_TAGS_MAX).await?;
    set_object(app, addressed(&request)?, tags.into(), 200).await
}

pub(super) async fn delete_object(app: &App, request: S3Request) -> Result<Response<Body>, ApiError> {
    check_room(app)?;
    set_object(app, addressed(&request)?, Pairs::default(), 204).await
}

type Addressed = (BucketName, ObjectKey, Option<VersionId>);

fn addressed(request: &S3Request) -> Result<Addressed, ApiError> {
    Ok((names::bucket(request)?, names::key(request)?, names::version(request)?))
}

async fn set_object(
    app: &App,
    (bucket, key, version): Addressed,
    tags: Pairs,
    status: u16,
) -> Result<Response<Body>, ApiError> {
    let tagged = app.state.commit(|cores| {
        let (events, told) = cores.objects.tag_object(&bucket, &key, version, tags)?;
        Ok::<_, ObjectsError>((events.into_iter().map(Event::from).collect(), told))
    });
    let told = tagged.await?;
    let mut response = bare(status)?;
    show::version(response.headers_mut(), told);
    Ok(response)
}

pub(super) fn get_object(app: &App, request: &S3Request) -> Result<Response<Body>, ApiError> {
    let (bucket, key, version) = addressed(request)?;
    let cores = app.state.read();
    let found = cores.objects.object(&bucket, &key, version)?;
    let mut response = answer(found.record.tags.iter());
    show::version(response.headers_mut(), found.versioned.then_some(found.version));
    Ok(response)
}
