//! The digests a client claims its body has (S3 user guide: "Checking object integrity").
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sekisho_objects::{ChecksumAlgorithm, Digests};

use super::error::header_not_implemented;
use crate::{ApiError, S3Request};

const PREFIX: &str = "x-amz-checksum-";
/// What begins like a checksum's header and is none.
const OTHERS: [&str; 3] = ["x-amz-checksum-algorithm", "x-amz-checksum-mode", "x-amz-checksum-type"];

/// What a request claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Claimed {
    /// Of the checksum, in a header or announced as a trailer.
    pub(super) algorithm: Option<ChecksumAlgorithm>,
    /// From a header.
    pub(super) value: Option<String>,
    /// `Content-MD5`
    pub(super) content_md5: Option<[u8; 16]>,
}

impl Claimed {
    /// Reads headers; a trailer comes later.
    pub(super) fn of(request: &S3Request) -> Result<Self, ApiError> {
        let headers = request.headers.keys().map(|name| name.as_str());
        let mut found: Vec<&str> = headers.filter(|name| name.starts_with(PREFIX) && !OTHERS.contains(name)).collect();
        let announced = request.header("x-amz-trailer").map(|name| name.trim().to_ascii_lowercase());
        found.extend(announced.as_deref().filter(|name| name.starts_with(PREFIX)));
        let algorithm = match found.as_slice() {
            [] => None,
            [name] => Some(by_header(name).ok_or_else(|| header_not_implemented(name))?),
            _ => {
                let message = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.";
                return Err(ApiError::new(400, "InvalidRequest", message));
            }
        };
        let value = algorithm.and_then(|algorithm| request.header(algorithm.header())).map(str::to_owned);
        if let (Some(algorithm), Some(value)) = (algorithm, &value) {
            check_value(algorithm, value)?;
        }
        if let Some(sdk) = request.header("x-amz-sdk-checksum-algorithm") {
            match algorithm {
                None => {
                    let message = "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.";
                    return Err(ApiError::new(400, "InvalidRequest", message));
                }
                Some(algorithm) if !algorithm.as_str().eq_ignore_ascii_case(sdk) => {
                    let message = "Value for x-amz-sdk-checksum-algorithm header is invalid.";
                    return Err(ApiError::new(400, "InvalidRequest", message));
                }
                Some(_) => {}
            }
        }
        Ok(Self { algorithm, value, content_md5: content_md5(request)? })
    }

    /// The checksum the body must have, once the body has ended.
    pub(super) fn expected(&self, request: &S3Request) -> Result<Option<String>, ApiError> {
        let Some(algorithm) = self.algorithm.filter(|_| self.value.is_none()) else { return Ok(self.value.clone()) };
        let message =
            "The request contained trailing data that was not well-formed or did not conform to our published schema.";
        let missing = || ApiError::new(400, "MalformedTrailerError", message);
        let value = request.trailer(algorithm.header()).ok_or_else(missing)?.trim();
        check_value(algorithm, value)?;
        Ok(Some(value.to_owned()))
    }

    /// Whether a body that was read whole is the one claimed.
    pub(super) fn check(&self, request: &S3Request, body: &Bytes) -> Result<(), ApiError> {
        let algorithm = self.algorithm.unwrap_or(ChecksumAlgorithm::CRC32);
        let mut digests = Digests::new(algorithm, self.content_md5.is_some());
        digests.update(body);
        let (checksum, md5) = digests.finish();
        if self.expected(request)?.is_some_and(|expected| expected != checksum.value) {
            return Err(sekisho_blobs::StoreError::Checksum(algorithm).into());
        }
        if self.content_md5.is_some() && self.content_md5 != md5 {
            return Err(sekisho_blobs::StoreError::ContentMd5.into());
        }
        Ok(())
    }

    /// Whether anything is claimed.
    pub(super) fn is_any(&self) -> bool {
        self.algorithm.is_some() || self.content_md5.is_some()
    }
}

fn by_header(name: &str) -> Option<ChecksumAlgorithm> {
    ChecksumAlgorithm::ALL.into_iter().find(|algorithm| algorithm.header() == name)
}

fn check_value(algorithm: ChecksumAlgorithm, value: &str) -> Result<(), ApiError> {
    match algorithm.fits(value) {
        true => Ok(()),
        false => {
            let message = format!("Value for {} header is invalid.", algorithm.header());
            Err(ApiError::new(400, "InvalidRequest", message))
        }
    }
}

fn content_md5(request: &S3Request) -> Result<Option<[u8; 16]>, ApiError> {
    let Some(header) = request.headers.get("content-md5") else { return Ok(None) };
    let decoded = STANDARD.decode(header.as_bytes()).ok().and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let refused = || ApiError::new(400, "InvalidDigest", "The Content-MD5 you specified was invalid.");
    decoded.map(Some).ok_or_else(refused)
}
