//! What a service says of a signature it does not believe, in each protocol's words.
use jiff::fmt::rfc2822;
use sekisho_sigv4::SigV4Error;
use sekisho_types::Timestamp;

use crate::{ApiError, Protocol, Service};

const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
const MISMATCH_S3: &str =
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
const QUERY_PARAMETERS: &str = "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.";

/// The refusal `service` answers with; `None` where the request did not even name a service (then as S3).
pub(crate) fn refusal(service: Service, error: &SigV4Error) -> ApiError {
    match service.protocol() {
        Protocol::RestXml => s3(error),
        Protocol::RestJson | Protocol::Json11 | Protocol::Query => others(service, error),
    }
    .because(error)
}

/// What whoever sends through a network what everybody there can read is told.
pub(crate) fn in_the_clear(service: Service) -> ApiError {
    let (status, code) = match service.protocol() {
        Protocol::RestXml | Protocol::Query => (403, "AccessDenied"),
        Protocol::RestJson => (403, "AccessDeniedException"),
        Protocol::Json11 => (400, "AccessDeniedException"),
    };
    let message = "Plain HTTP is answered on the server's own machine only: use https:// on the same port (the server's setting `plain_http` changes that)";
    ApiError::new(status, code, message)
}

/// What whoever asks an operator's service at the devices' port is told.
pub(crate) fn not_here(service: Service) -> ApiError {
    let (status, code) = match service.protocol() {
        Protocol::RestXml | Protocol::Query => (403, "AccessDenied"),
        Protocol::RestJson => (403, "AccessDeniedException"),
        Protocol::Json11 => (400, "AccessDeniedException"),
    };
    ApiError::new(status, code, "Devices' services alone are answered on this port: use the port of the AWS APIs")
}

fn s3(error: &SigV4Error) -> ApiError {
    let denied = |message: &str| ApiError::new(403, "AccessDenied", message);
    let header = |message: String| ApiError::new(400, "AuthorizationHeaderMalformed", message);
    let query = |message: &str| ApiError::new(400, "AuthorizationQueryParametersError", message);
    let malformed = |presigned: bool, message: String| if presigned { query(&message) } else { header(message) };
    match error {
        SigV4Error::MissingAuthentication => denied("Access Denied"),
        SigV4Error::TwoAuthentications => ApiError::new(
            400,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ),
        SigV4Error::UnsupportedAlgorithm { .. } => ApiError::new(
            400,
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        ),
        SigV4Error::IncompleteAuthorization { missing, .. } if missing.contains(&"X-Amz-Date") => {
            denied("AWS authentication requires a valid Date or x-amz-date header")
        }
        SigV4Error::IncompleteAuthorization { missing, .. } => header(format!(
            "The authorization header is malformed; the authorization header requires three components: Credential, SignedHeaders, and Signature; {} is missing.",
            missing.join(", ")
        )),
        SigV4Error::MissingQueryParameter { .. } => query(QUERY_PARAMETERS),
        SigV4Error::MalformedCredential { found, presigned: true } => query(&format!(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\", got \"{found}\"."
        )),
        SigV4Error::MalformedCredential { found, presigned: false } => header(format!(
            "The authorization header is malformed; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\", got \"{found}\"."
        )),
        SigV4Error::MalformedDate { presigned: true, .. } => {
            query("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        }
        SigV4Error::MalformedDate { presigned: false, .. } => {
            denied("AWS authentication requires a valid Date or x-amz-date header")
        }
        SigV4Error::ExpiresNotANumber { .. } => query("X-Amz-Expires should be a number"),
        SigV4Error::ExpiresNegative => query("X-Amz-Expires must be non-negative"),
        SigV4Error::ExpiresTooLong => {
            query("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
        }
        SigV4Error::WrongDay { scope, date, presigned } => malformed(
            *presigned,
            format!("Invalid credential date \"{scope}\". This date is not the same as X-Amz-Date: \"{date}\"."),
        ),
        SigV4Error::WrongRegion { found, expected, presigned: true } => query(&format!(
            "Error parsing the X-Amz-Credential parameter; the region '{found}' is wrong; expecting '{expected}'"
        ))
        .with("Region", expected),
        SigV4Error::WrongRegion { found, expected, presigned: false } => header(format!(
            "The authorization header is malformed; the region '{found}' is wrong; expecting '{expected}'"
        ))
        .with("Region", expected),
        SigV4Error::RequestTimeTooSkewed { request_date, server_time, .. } => ApiError::new(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
        .with("RequestTime", request_date)
        .with("ServerTime", iso(*server_time))
        .with("MaxAllowedSkewMilliseconds", "900000"),
        SigV4Error::Expired { expires_at, server_time, expires_s } => denied("Request has expired")
            .with("X-Amz-Expires", expires_s.to_string())
            .with("Expires", iso(*expires_at))
            .with("ServerTime", iso(*server_time)),
        SigV4Error::HeadersNotSigned { names } => {
            denied("There were headers present in the request which were not signed")
                .with("HeadersNotSigned", names.join(", "))
        }
        SigV4Error::MissingContentSha256 => {
            ApiError::new(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        }
        SigV4Error::MalformedContentSha256 { found } => ApiError::new(
            400,
            "InvalidArgument",
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
        )
        .with("ArgumentName", "x-amz-content-sha256")
        .with("ArgumentValue", found),
        SigV4Error::UnknownSessionToken => {
            ApiError::new(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
        }
        SigV4Error::ExpiredSessionToken => ApiError::new(400, "ExpiredToken", "The provided token has expired."),
        SigV4Error::UnknownAccessKey { access_key_id } => ApiError::new(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
        .with("AWSAccessKeyId", access_key_id),
        SigV4Error::SignatureMismatch(mismatch) => ApiError::new(403, "SignatureDoesNotMatch", MISMATCH_S3)
            .with("AWSAccessKeyId", &mismatch.access_key_id)
            .with("StringToSign", &mismatch.string_to_sign)
            .with("SignatureProvided", &mismatch.signature_provided)
            .with("StringToSignBytes", hex_bytes(mismatch.string_to_sign.as_bytes()))
            .with("CanonicalRequest", String::from_utf8_lossy(&mismatch.canonical_request))
            .with("CanonicalRequestBytes", hex_bytes(&mismatch.canonical_request)),
    }
}

/// The names of the services that share their front: `UnrecognizedClientException` and so on; 403 over REST, 400 over
/// JSON 1.1, and shorter names over the query protocol.
fn others(service: Service, error: &SigV4Error) -> ApiError {
    let forbidden = match service.protocol() {
        Protocol::Json11 => 400,
        Protocol::RestJson | Protocol::RestXml | Protocol::Query => 403,
    };
    let code = |json: &'static str, query: &'static str| {
        if service.protocol() == Protocol::Query { query } else { json }
    };
    let invalid =
        |message: String| ApiError::new(forbidden, code("InvalidSignatureException", "SignatureDoesNotMatch"), message);
    let incomplete =
        |message: String| ApiError::new(400, code("IncompleteSignatureException", "IncompleteSignature"), message);
    let unknown = || {
        ApiError::new(
            forbidden,
            code("UnrecognizedClientException", "InvalidClientTokenId"),
            "The security token included in the request is invalid.",
        )
    };
    let expired = || {
        let message = "The security token included in the request is expired";
        ApiError::new(forbidden, code("ExpiredTokenException", "ExpiredToken"), message)
    };
    // The data plane knows one word for all of these (device gateway).
    if matches!(service, Service::IotData | Service::IotJobsData) {
        let message = match error {
            SigV4Error::UnknownAccessKey { .. } | SigV4Error::UnknownSessionToken => unknown().message,
            SigV4Error::ExpiredSessionToken => expired().message,
            _ => "Forbidden".to_owned(),
        };
        return ApiError::new(403, "ForbiddenException", message);
    }
    match error {
        SigV4Error::MissingAuthentication => ApiError::new(
            forbidden,
            code("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
            "Missing Authentication Token",
        ),
        SigV4Error::UnsupportedAlgorithm { found } => {
            incomplete(format!("Unsupported AWS 'algorithm': '{found}', only AWS4-HMAC-SHA256 is supported."))
        }
        SigV4Error::IncompleteAuthorization { missing, authorization } => {
            let parts: Vec<String> = missing
                .iter()
                .map(|name| match *name {
                    "X-Amz-Date" => {
                        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
                            .to_owned()
                    }
                    name => format!("Authorization header requires '{name}' parameter."),
                })
                .collect();
            // The signature that came is repeated to whom sent it; it proves nothing without the rest.
            incomplete(format!("{} Authorization={authorization}", parts.join(" ")))
        }
        SigV4Error::MissingQueryParameter { missing } => {
            incomplete(format!("AWS query-string parameters must include '{missing}'."))
        }
        SigV4Error::MalformedCredential { found, .. } => incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{found}'"
        )),
        SigV4Error::MalformedDate { found, .. } => incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{found}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )),
        SigV4Error::ExpiresNotANumber { .. } | SigV4Error::ExpiresNegative | SigV4Error::ExpiresTooLong => {
            incomplete("X-Amz-Expires must be a number of seconds from 0 to 604800.".to_owned())
        }
        SigV4Error::WrongDay { scope, date, .. } => invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{date}'."
        )),
        SigV4Error::WrongRegion { found, .. } => {
            invalid(format!("Credential should be scoped to a valid region, not '{found}'. "))
        }
        SigV4Error::RequestTimeTooSkewed { request_time, request_date, server_time } => {
            let ours = sekisho_sigv4::AmzDate::at(*server_time);
            invalid(if request_time < server_time {
                format!("Signature expired: {request_date} is now earlier than {} - 15 min.", ours.as_str())
            } else {
                format!("Signature not yet current: {request_date} is still later than {} + 15 min.", ours.as_str())
            })
        }
        SigV4Error::Expired { expires_at, server_time, .. } => {
            let at = |time: Timestamp| sekisho_sigv4::AmzDate::at(time).as_str().to_owned();
            invalid(format!("Signature expired: {} is now later than {}", at(*server_time), at(*expires_at)))
        }
        SigV4Error::HeadersNotSigned { names } => {
            invalid(format!("'{}' must be a 'SignedHeader' in the AWS Authorization.", names.join("', '")))
        }
        SigV4Error::UnknownSessionToken | SigV4Error::UnknownAccessKey { .. } => unknown(),
        SigV4Error::ExpiredSessionToken => expired(),
        SigV4Error::TwoAuthentications
        | SigV4Error::MissingContentSha256
        | SigV4Error::MalformedContentSha256 { .. }
        | SigV4Error::SignatureMismatch(_) => invalid(MISMATCH.to_owned()),
    }
}

/// `2023-01-02T03:04:05Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.seconds()).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Mon, 02 Jan 2023 03:04:05 GMT`.
pub(crate) fn http_date(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(time.seconds()).unwrap_or_default();
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

/// `41 57 53 34`: how S3 shows bytes.
fn hex_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
