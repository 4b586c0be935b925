//! Where work is done, as far as one place's trouble is not to be another's.
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Task;

/// A place: a bucket, a service, a function, a host. Two with one number (there are 2^64) share their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(u64);

impl Destination {
    fn of(kind: &str, name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, name).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// A service, whatever is called there.
    pub fn service(name: &str) -> Self {
        Self::of("service", name)
    }

    /// All buckets that one store keeps.
    pub fn here() -> Self {
        Self::of("here", "")
    }
}

impl Task {
    /// Where it is done.
    pub fn destination(&self) -> Destination {
        match self {
            Self::PutObject { bucket, .. } => Destination::of("bucket", bucket.as_str()),
            Self::Post { url, .. } => Destination::of("host", url.origin()),
            Self::Call(call) => match call.function_arn() {
                Some(arn) => Destination::of("function", arn),
                None => Destination::service(call.service()),
            },
        }
    }
}
