//! Where work is done, as far as one place's trouble is not to be another's.
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A place: this server's buckets, a bucket elsewhere, a service, a function, a host. Two with one number (there are 2^64) share their limits.
/// Which a piece of work is done at is said when it is taken, by who knows what is where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Destination(u64);

impl Destination {
    /// A place of its kind, by its name.
    pub fn of(kind: &str, name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, name).hash(&mut hasher);
        Self(hasher.finish())
    }
}
