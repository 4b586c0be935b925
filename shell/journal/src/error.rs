//! What can go wrong between an entry and the disk.
use std::io;
use std::path::PathBuf;

use crate::Sequence;

/// Why the journal cannot promise something.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The operator's move: another server holds the directory.
    #[error("`{path}` is in use by another sekisho")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The operator's move: the key does not open the directory.
    #[error("the root key does not open `{path}`")]
    RootKey {
        /// The file that did not open.
        path: PathBuf,
    },
    /// The operator's move: restore the file, or the disk.
    #[error("`{path}` is damaged at byte {offset}: {found}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        found: &'static str,
    },
    /// The operator's move: a segment is missing between two others.
    #[error("entries {from:?} to {to:?} are missing before `{path}`")]
    Missing {
        /// The file that should have begun earlier.
        path: PathBuf,
        /// First entry not found.
        from: Sequence,
        /// Last entry not found.
        to: Sequence,
    },
    /// The disk refused a write or a sync; the journal has stopped.
    #[error("the disk has refused a write; the journal has stopped")]
    Failed,
    /// Our move: an entry that recovery would not read again. Nothing was written.
    #[error("an entry of {bytes} bytes is more than the journal takes")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Our move: somebody asked for an entry that was already dropped.
    #[error("entry {0:?} is not in the journal any more")]
    Gone(Sequence),
    /// The disk.
    #[error("{doing} `{path}`")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl JournalError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
