//! The proof that a caller holds credentials of the account: the root's, or those of a role's session.
use std::fmt;

use crate::RoleSession;

/// A caller whose signature was verified. There is no other way to make one than [`crate::verify`], [`crate::verify_as`] and their
/// likes for forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    access_key_id: Box<str>,
    session: Option<Box<RoleSession>>,
}

impl Operator {
    pub(crate) fn new(access_key_id: &str, session: Option<RoleSession>) -> Self {
        Self { access_key_id: access_key_id.into(), session: session.map(Box::new) }
    }

    /// The session of a role it is; `None` for the account's root.
    pub fn session(&self) -> Option<&RoleSession> {
        self.session.as_deref()
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
