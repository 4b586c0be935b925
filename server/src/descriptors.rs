//! File descriptors: as many as the system lets this process have.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, and answers how many there may be. The soft limit is low (1,024) for programs that
/// use `select`; this one does not.
pub fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the limit of file descriptors stays as it is");
            current
        }
    }
    .unwrap_or(u64::MAX) // none is no limit
}
