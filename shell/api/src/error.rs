//! A refusal, before any protocol gave it its shape.
use std::borrow::Cow;
use std::fmt;

use sekisho_state::CommitError;

/// Code of a fault of ours; each service has its own name for it, given when the answer is written.
pub(crate) const INTERNAL: &str = "InternalFailure";
/// Code of an operation that is not offered; each protocol has its own name for it.
pub(crate) const NOT_IMPLEMENTED: &str = "NotImplemented";
/// Code of "not now"; each protocol has its own name for it.
pub(crate) const UNAVAILABLE: &str = "ServiceUnavailable";

/// What a caller is told when an operation does not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// AWS's name for it, such as `ResourceNotFoundException` or `NoSuchBucket`.
    pub code: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// Further members of a JSON error (`resourceId`), further elements of an XML one (`BucketName`).
    pub extra: Vec<(&'static str, String)>,
    /// Headers of the answer.
    pub headers: Vec<(&'static str, String)>,
    /// What the operator reads in the log and the wire does not say.
    pub detail: Option<Box<str>>,
}

impl ApiError {
    /// A refusal by its status, AWS's name and a message.
    pub fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            extra: Vec::new(),
            headers: Vec::new(),
            detail: None,
        }
    }

    /// With a further member or element.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.extra.push((name, value.into()));
        self
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With what only the operator reads.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string().into());
        self
    }

    /// A fault of ours. The cause goes to the log, the caller learns that it was not their mistake.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self::new(500, INTERNAL, "An internal error occurred.").because(cause)
    }

    /// Not now: a queue is full, or the server is stopping. The caller may try again.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self::new(503, UNAVAILABLE, "The service is temporarily unavailable. Try again.").because(cause)
    }

    /// An operation of the service's that this server does not offer (yet).
    pub fn not_implemented(operation: &str) -> Self {
        Self::new(501, NOT_IMPLEMENTED, format!("`{operation}` is not offered by this server yet"))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        self.detail.iter().try_for_each(|detail| write!(f, " ({detail})"))
    }
}

impl std::error::Error for ApiError {}

/// A refused command is the service's to name; a stopped journal is ours.
impl<E: Into<ApiError>> From<CommitError<E>> for ApiError {
    fn from(error: CommitError<E>) -> Self {
        match error {
            CommitError::Command(refusal) => refusal.into(),
            CommitError::Journal(cause) => Self::internal(cause),
        }
    }
}
