//! Refusals, in the service's words (iot dev guide: device-shadow-error-messages).

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShadowError {
    /// No JSON object.
    #[error("Invalid JSON")]
    InvalidJson,
    /// An update of nothing.
    #[error("Missing required node: state")]
    MissingState,
    /// `state` is something else.
    #[error("State node must be an object")]
    StateNotObject,
    /// `state.desired` is neither an object nor null.
    #[error("Desired node must be an object")]
    DesiredNotObject,
    /// `state.reported` is neither an object nor null.
    #[error("Reported node must be an object")]
    ReportedNotObject,
    /// `version` is no whole number.
    #[error("Invalid version")]
    InvalidVersion,
    /// `clientToken` is no text, or too long.
    #[error("Invalid clientToken")]
    InvalidClientToken,
    /// More levels than [`crate::DEPTH_MAX`].
    #[error("JSON contains too many levels of nesting; maximum is 6")]
    TooDeep,
    /// A section nobody knows, or null in an array.
    #[error("State contains an invalid node")]
    InvalidNode,
    /// There is none.
    #[error("No shadow exists with name: '{0}'")]
    NotFound(Box<str>),
    /// The caller has seen another version.
    #[error("Version conflict")]
    VersionConflict,
    /// More than [`crate::STATE_BYTES_MAX`].
    #[error("The payload exceeds the maximum size allowed")]
    TooLarge,
    /// No UTF-8.
    #[error("Unsupported documented encoding; supported encoding is UTF-8")]
    Encoding,
    /// As many as there may be. Ours: AWS has no such limit.
    #[error("The account's shadows are as many or as large as they may be")]
    Full,
}

impl ShadowError {
    /// The code of the error document, which is HTTP's status too.
    pub fn code(&self) -> u16 {
        match self {
            Self::InvalidJson
            | Self::MissingState
            | Self::StateNotObject
            | Self::DesiredNotObject
            | Self::ReportedNotObject
            | Self::InvalidVersion
            | Self::InvalidClientToken
            | Self::TooDeep
            | Self::InvalidNode => 400,
            Self::NotFound(_) => 404,
            Self::VersionConflict => 409,
            Self::TooLarge => 413,
            Self::Encoding => 415,
            Self::Full => 429,
        }
    }
}
