//! Where work is done, as far as one place's trouble is not to be another's.
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// The way to one place: to this server's buckets, a bucket elsewhere, a service, a function, a host. Two with one number (there are 2^64)
/// share their limits. In which a piece of work is, is said when it is taken, by who knows what is where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lane(u64);

impl Lane {
    /// To a place of its kind, by its name.
    pub fn to(kind: &str, name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (kind, name).hash(&mut hasher);
        Self(hasher.finish())
    }
}
