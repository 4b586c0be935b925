//! What can be wrong with a signature, with what a service needs to answer.
use sekisho_types::Timestamp;

use crate::NoSigner;

/// Why a request is not believed. All are the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigV4Error {
    /// No `Authorization` header and no `X-Amz-Algorithm` in the query.
    #[error("the request is not signed")]
    MissingAuthentication,
    /// Both.
    #[error("the request is signed in the header and in the query")]
    TwoAuthentications,
    /// Signature version 2, SigV4A, a bearer token.
    #[error("signature algorithm `{found}` is not offered")]
    UnsupportedAlgorithm {
        /// First word of the header, or the parameter's value.
        found: String,
    },
    /// A part of the `Authorization` header is absent.
    #[error("the authorization header lacks {}", missing.join(", "))]
    IncompleteAuthorization {
        /// Of `Credential`, `SignedHeaders`, `Signature`, and the date.
        missing: Vec<&'static str>,
        /// The header.
        authorization: String,
    },
    /// One of the six query parameters is absent.
    #[error("the query lacks `{missing}`")]
    MissingQueryParameter {
        /// Its name.
        missing: &'static str,
    },
    /// Not `AKID/YYYYMMDD/REGION/SERVICE/aws4_request`.
    #[error("credential `{found}` is malformed")]
    MalformedCredential {
        /// What came.
        found: String,
        /// Whether it stood in the query.
        presigned: bool,
    },
    /// Neither `YYYYMMDDTHHMMSSZ` nor, in `Date`, an HTTP date.
    #[error("date `{found}` is malformed")]
    MalformedDate {
        /// What came.
        found: String,
        /// Whether it stood in the query.
        presigned: bool,
    },
    /// `X-Amz-Expires` is not a number.
    #[error("expiry `{found}` is not a number")]
    ExpiresNotANumber {
        /// What came.
        found: String,
    },
    /// `X-Amz-Expires` is below zero.
    #[error("expiry is negative")]
    ExpiresNegative,
    /// `X-Amz-Expires` is more than a week.
    #[error("expiry is more than a week")]
    ExpiresTooLong,
    /// The scope names a day other than the request's date.
    #[error("credential is for {scope}, the request of {date}")]
    WrongDay {
        /// The scope's day.
        scope: String,
        /// The request's day.
        date: String,
        /// Whether it stood in the query.
        presigned: bool,
    },
    /// The scope names a region that is not this server's.
    #[error("credential is for region `{found}`, expected `{expected}`")]
    WrongRegion {
        /// The scope's.
        found: String,
        /// This server's.
        expected: String,
        /// Whether it stood in the query.
        presigned: bool,
    },
    /// Header-signed more than 15 minutes from now, or presigned for later.
    #[error("request of {} is too far from the server's time", request_time.seconds())]
    RequestTimeTooSkewed {
        /// The request's.
        request_time: Timestamp,
        /// As it was signed.
        request_date: String,
        /// Ours.
        server_time: Timestamp,
    },
    /// A presigned request past its time.
    #[error("request has expired")]
    Expired {
        /// When it did.
        expires_at: Timestamp,
        /// Ours.
        server_time: Timestamp,
        /// `X-Amz-Expires`.
        expires_s: u32,
    },
    /// Headers that must be signed and are not.
    #[error("headers not signed: {}", names.join(", "))]
    HeadersNotSigned {
        /// Their names, lower case.
        names: Vec<String>,
    },
    /// S3 without `x-amz-content-sha256`.
    #[error("x-amz-content-sha256 is missing")]
    MissingContentSha256,
    /// Neither a digest nor one of the words.
    #[error("x-amz-content-sha256 `{found}` is not known")]
    MalformedContentSha256 {
        /// What came.
        found: String,
    },
    /// A session token that is none of ours, or good no more.
    #[error("the session token is not one of ours")]
    UnknownSessionToken,
    /// A session token whose time is over.
    #[error("the session token has expired")]
    ExpiredSessionToken,
    /// Nobody has this access key.
    #[error("access key `{access_key_id}` is not known")]
    UnknownAccessKey {
        /// What came.
        access_key_id: String,
    },
    /// The signature is not that of this request under this key.
    #[error("signature does not match")]
    SignatureMismatch(Box<Mismatch>),
}

impl SigV4Error {
    pub(crate) fn of(reason: NoSigner, access_key_id: &str) -> Self {
        match reason {
            NoSigner::AccessKey => Self::UnknownAccessKey { access_key_id: access_key_id.chars().take(128).collect() },
            NoSigner::SessionToken => Self::UnknownSessionToken,
            NoSigner::Expired => Self::ExpiredSessionToken,
        }
    }
}

/// What both sides need to compare when a signature does not match. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Who is said to have signed.
    pub access_key_id: String,
    /// The signature that came.
    pub signature_provided: String,
    /// What we would have signed.
    pub string_to_sign: String,
    /// The request as we read it; not always UTF-8.
    pub canonical_request: Vec<u8>,
}
