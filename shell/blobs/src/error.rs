//! What can go wrong between an object's name and its bytes.
use std::io;
use std::path::PathBuf;

use sekisho_journal::JournalError;
use sekisho_kms::KmsError;
use sekisho_objects::{BlobId, ChecksumAlgorithm, ObjectsError};
use sekisho_remote::RemoteError;
use sekisho_state::CommitError;

/// Why an object could not be put, got or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The caller's move: the index refuses.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// The caller's move: KMS refuses (but for [`KmsError::Material`], which is ours).
    #[error("KMS refuses")]
    Kms(#[from] KmsError),
    /// The caller's move: the body is not the one the checksum was made of.
    #[error("the body does not have the {} that was given", .0.as_str())]
    Checksum(ChecksumAlgorithm),
    /// The caller's move: the body is not the one the Content-MD5 was made of.
    #[error("the body does not have the Content-MD5 that was given")]
    ContentMd5,
    /// The operator's move: restore the file, or the disk.
    #[error("the body `{blob}` is damaged: {found}")]
    Damaged {
        /// Which file.
        blob: BlobId,
        /// What is wrong with it.
        found: &'static str,
    },
    /// The operator's move: the disk.
    #[error("could not {doing} `{path}`")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operator's move: the S3 that keeps the bodies. The same may do better later.
    #[error("could not {doing} a body in the object store elsewhere")]
    Elsewhere {
        /// What was being done.
        doing: &'static str,
        /// What came of it.
        source: RemoteError,
    },
    /// Nobody's: more bodies are on their way from or to another S3 than memory and threads are there for. Later there is room.
    #[error("too many bodies are on their way from or to the object store elsewhere")]
    Busy,
    /// The operator's move: the journal has stopped; whether the change survives is not known.
    #[error("the journal has stopped")]
    Journal(#[source] JournalError),
    /// Ours: the server is stopping, or a task died.
    #[error("the task ended early")]
    Ended,
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}

impl<E: Into<StoreError>> From<CommitError<E>> for StoreError {
    fn from(error: CommitError<E>) -> Self {
        match error {
            CommitError::Command(refusal) => refusal.into(),
            CommitError::Journal(cause) => Self::Journal(cause),
        }
    }
}
