//! The proof that a caller holds the account's root credentials.
use std::fmt;

/// A caller whose signature was verified. There is no other way to make one than [`crate::verify`] and [`crate::verify_form`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    access_key_id: Box<str>,
}

impl Operator {
    pub(crate) fn new(access_key_id: &str) -> Self {
        Self { access_key_id: access_key_id.into() }
    }

    /// The public half of the access key the request was signed with.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.access_key_id)
    }
}
