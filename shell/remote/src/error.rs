//! Why an object is not there.
use std::time::Duration;

use sekisho_client::{HttpError, Refused};

/// Each may be tried again: what the operator mends over there helps without a restart here.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The other side's move, or the operator's: it said no.
    #[error("the bucket's endpoint refused: {0}")]
    Refused(#[from] Refused),
    /// Nobody there, or not for long.
    #[error("the bucket's endpoint could not be asked")]
    Http(#[from] HttpError),
    /// Nothing complete came back in time; whether the request had an effect is not known.
    #[error("the bucket's endpoint did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// A success without what belongs to it.
    #[error("the bucket's endpoint answered {operation} without `{missing}`")]
    Answer {
        /// The S3 operation.
        operation: &'static str,
        /// What is missing.
        missing: &'static str,
    },
}

impl RemoteError {
    /// What S3 calls the refusal; nothing if it is none.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refused) => Some(&refused.code),
            Self::Http(_) | Self::Silent(_) | Self::Answer { .. } => None,
        }
    }

    /// Whether the same request may do better in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.status >= 500 || refused.status == 429 || refused.status == 408,
            Self::Http(HttpError::Authorities(_) | HttpError::Request(_)) => false,
            Self::Http(HttpError::Transport(_) | HttpError::Body(_)) | Self::Silent(_) | Self::Answer { .. } => true,
        }
    }
}
