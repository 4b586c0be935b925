//! What a put's headers say of the object.
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_objects::{CustomerKey, CustomerKeyHeaders, EncryptionRequest, Pairs, Precondition, SseAlgorithm};

use super::error::{header_not_implemented, invalid_argument};
use crate::{ApiError, S3Request};

/// Bytes of names and values together (S3 user guide: "Working with object metadata").
const METADATA_BYTES_MAX: usize = 2048;
/// Headers kept with the object and given back as they were.
pub(super) const KEPT: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];
/// The one canned ACL that says what holds anyway.
const OWNERS: &str = "bucket-owner-full-control";
/// Headers that ask for what this server does not do.
const NOT_IMPLEMENTED: [&str; 5] = [
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
];

/// Those of the model's beside STANDARD, the only one here.
const STORAGE_CLASSES: [&str; 12] = [
    "DEEP_ARCHIVE",
    "EXPRESS_ONEZONE",
    "FSX_ONTAP",
    "FSX_OPENZFS",
    "GLACIER",
    "GLACIER_IR",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "OUTPOSTS",
    "REDUCED_REDUNDANCY",
    "SNOW",
    "STANDARD_IA",
];

pub(super) const SSE: &str = "x-amz-server-side-encryption";
pub(super) const SSE_KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
pub(super) const SSE_BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
pub(super) const SSE_CONTEXT: &str = "x-amz-server-side-encryption-context";
pub(super) const SSE_CUSTOMER: &str = "x-amz-server-side-encryption-customer-";
pub(super) const METADATA: &str = "x-amz-meta-";

/// Headers kept with the object, and its metadata.
pub(super) type Described = (Pairs, Pairs);

/// Refuses what is not done here.
pub(super) fn check(request: &S3Request) -> Result<(), ApiError> {
    if let Some(header) = NOT_IMPLEMENTED.iter().find(|name| given(request, name).is_some()) {
        return Err(header_not_implemented(header));
    }
    match given(request, "x-amz-storage-class") {
        None | Some("STANDARD") => {}
        Some(class) if STORAGE_CLASSES.contains(&class) => return Err(header_not_implemented("x-amz-storage-class")),
        Some(class) => {
            let message = "The storage class you specified is not valid";
            return Err(ApiError::new(400, "InvalidStorageClass", message).with("StorageClassRequested", class));
        }
    }
    if let Some(version) = request.query("versionId") {
        return Err(invalid_argument("This operation does not accept a version-id.", "versionId", version));
    }
    if grants(request) || given(request, "x-amz-acl").is_some_and(|acl| !matches!(acl, "private" | OWNERS)) {
        return Err(ApiError::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    Ok(())
}

/// Whether a request gives somebody a right by ACL.
pub(super) fn grants(request: &S3Request) -> bool {
    request.headers.keys().any(|name| name.as_str().starts_with("x-amz-grant-"))
}

/// Prefix of the headers of the customer's key that opens the source of a copy.
pub(super) const SOURCE_CUSTOMER: &str = "x-amz-copy-source-server-side-encryption-customer-";

const CUSTOMER_KEY_IN_THE_CLEAR: &str =
    "Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.";

/// The key that came with a put, or with a read.
pub(super) fn customer_key(request: &S3Request, prefix: &str, reads: bool) -> Result<Option<CustomerKey>, ApiError> {
    let header = |name: &str| given(request, &format!("{prefix}{name}"));
    let headers = CustomerKeyHeaders { algorithm: header("algorithm"), key: header("key"), md5: header("key-MD5") };
    let key = headers.key(reads)?;
    if key.is_some() && !request.peer.is_private() {
        return Err(ApiError::new(400, "InvalidRequest", CUSTOMER_KEY_IN_THE_CLEAR));
    }
    Ok(key)
}

/// What is kept beside the body.
pub(super) fn described(request: &S3Request) -> Result<Described, ApiError> {
    let (mut headers, mut metadata) = (BTreeMap::<String, String>::new(), BTreeMap::<String, String>::new());
    let mut bytes = 0;
    for (name, value) in &request.headers {
        let (name, value) = (name.as_str(), String::from_utf8_lossy(value.as_bytes()));
        if KEPT.contains(&name) {
            headers.insert(name.to_owned(), value.trim().to_owned());
        } else if let Some(name) = name.strip_prefix(METADATA) {
            bytes += name.len() + value.len();
            // Given twice, the values are one list (RFC 9110 §5.2).
            let kept = metadata.entry(name.to_owned()).or_default();
            kept.push_str(if kept.is_empty() { "" } else { "," });
            kept.push_str(value.trim());
        }
    }
    if bytes > METADATA_BYTES_MAX {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        return Err(ApiError::new(400, "MetadataTooLarge", message)
            .with("Size", bytes.to_string())
            .with("MaxSizeAllowed", METADATA_BYTES_MAX.to_string()));
    }
    // How the body was framed on its way is not the object's.
    if let Some(encoding) = headers.remove("content-encoding") {
        let rest: Vec<&str> = encoding
            .split(',')
            .map(str::trim)
            .filter(|coding| !coding.is_empty() && *coding != "aws-chunked")
            .collect();
        if !rest.is_empty() {
            headers.insert("content-encoding".into(), rest.join(","));
        }
    }
    Ok((headers.into(), metadata.into()))
}

/// The encryption a put asks for.
pub(super) fn encryption(request: &S3Request) -> Result<EncryptionRequest, ApiError> {
    let bucket_key_enabled = match given(request, SSE_BUCKET_KEY).map(str::to_ascii_lowercase).as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(other) => return Err(invalid_argument("The header value is not a boolean", SSE_BUCKET_KEY, other)),
    };
    let customer = customer_key(request, SSE_CUSTOMER, false)?;
    if let (Some(_), Some(algorithm)) = (&customer, given(request, SSE)) {
        let message =
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
        return Err(invalid_argument(message, SSE, algorithm));
    }
    Ok(EncryptionRequest {
        customer,
        algorithm: given(request, SSE).map(SseAlgorithm::parse).transpose()?,
        kms_key: given(request, SSE_KEY_ID).map(str::to_owned),
        bucket_key_enabled,
        context: given(request, SSE_CONTEXT).map(context).transpose()?.unwrap_or_default(),
    })
}

fn context(header: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let decoded = STANDARD.decode(header).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let message = "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map";
    decoded.ok_or_else(|| invalid_argument(message, SSE_CONTEXT, header))
}

/// What a write requires of the object that is there.
pub(super) fn precondition(request: &S3Request) -> Result<Option<Precondition>, ApiError> {
    match (request.header("if-match"), request.header("if-none-match")) {
        (None, None) => Ok(None),
        (Some(etag), None) => Ok(Some(Precondition::Matches(etag.to_owned()))),
        (None, Some("*")) => Ok(Some(Precondition::Absent)),
        (Some(_), Some(_)) | (None, Some(_)) => Err(header_not_implemented("If-None-Match")),
    }
}

/// A header, or the query parameter of the same name that a presigned request has instead.
pub(super) fn given<'a>(request: &'a S3Request, name: &str) -> Option<&'a str> {
    let in_query = || request.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    request.header(name).or_else(in_query)
}

/// What `x-amz-tagging` says: a query string of tags.
pub(super) fn tags(request: &S3Request) -> Result<Pairs, ApiError> {
    let Some(header) = given(request, "x-amz-tagging") else { return Ok(Pairs::default()) };
    let pairs = crate::bind::query_pairs(header, true);
    super::tagging::checked(pairs, super::tagging::OBJECT_TAGS_MAX).map(Pairs::from)
}
