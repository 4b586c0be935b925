//! What both versions of ListObjects share.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_objects::{Listed, Listing, MAX_KEYS, ObjectRecord};

use super::error::invalid_argument;
use super::{show, xml};
use crate::render::element;
use crate::{ApiError, S3Request};

/// How keys are written: as they are, or percent-encoded for clients whose XML cannot hold every key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Plain,
    Url,
}

impl Encoding {
    pub(super) fn of(request: &S3Request) -> Result<Self, ApiError> {
        match request.query("encoding-type") {
            None | Some("") => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(other) => {
                Err(invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", other))
            }
        }
    }

    pub(super) fn write(self, out: &mut String, name: &str, key: &str) {
        match self {
            Self::Plain => element(out, name, key),
            Self::Url => element(out, name, &xml::url_encoded(key)),
        }
    }
}

/// `max-keys`, at most what a page has.
pub(super) fn max_keys(request: &S3Request, name: &'static str) -> Result<usize, ApiError> {
    match request.query(name).filter(|text| !text.is_empty()) {
        None => Ok(MAX_KEYS),
        Some(text) => {
            let number = text.parse::<u32>().ok().filter(|number| i32::try_from(*number).is_ok());
            let number = number.ok_or_else(|| {
                invalid_argument(&format!("Argument {name} must be an integer between 0 and 2147483647"), name, text)
            })?;
            Ok(MAX_KEYS.min(number as usize))
        }
    }
}

/// The objects of a page and the prefixes they were rolled up to. `owner` is shown if it is asked for.
pub(super) fn entries(out: &mut String, listing: &Listing<'_>, encoding: Encoding, owner: Option<&str>) {
    for entry in &listing.entries {
        let Listed::Object(key, record) = entry else { continue };
        xml::nested(out, "Contents", |out| {
            encoding.write(out, "Key", key);
            xml::time(out, "LastModified", record.last_modified);
            of_object(out, record);
            owner.iter().for_each(|id| xml::nested(out, "Owner", |out| element(out, "ID", id)));
        });
    }
    common_prefixes(out, listing, encoding);
}

/// What a listing tells of an object beside its key and time.
pub(super) fn of_object(out: &mut String, record: &ObjectRecord) {
    element(out, "ETag", &show::quoted(&record.etag));
    if let Some(checksum) = &record.checksum {
        element(out, "ChecksumAlgorithm", checksum.algorithm.as_str());
        element(out, "ChecksumType", show::checksum_type(checksum));
    }
    element(out, "Size", &record.size.to_string());
    element(out, "StorageClass", "STANDARD");
}

/// What keys were rolled up to.
pub(super) fn common_prefixes(out: &mut String, listing: &Listing<'_>, encoding: Encoding) {
    for entry in &listing.entries {
        let Listed::CommonPrefix(prefix) = entry else { continue };
        xml::nested(out, "CommonPrefixes", |out| encoding.write(out, "Prefix", prefix));
    }
}

/// A continuation token: where the next page goes on, not meant to be read.
pub(super) fn encode_token(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(after)
}

/// What [`encode_token`] was given.
pub(super) fn decode_token(token: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let refused = || invalid_argument("The continuation token provided is incorrect", "continuation-token", token);
    decoded.filter(|after| !after.is_empty()).ok_or_else(refused)
}
