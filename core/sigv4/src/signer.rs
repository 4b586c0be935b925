//! Who can have signed, and with what: the account's root, or a session of a role.
use sekisho_types::{CertificateId, Secret};

/// A session of a role: temporary credentials that somebody was given (STS: AssumeRole; iot dev guide: authorizing-direct-aws).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSession {
    /// The account, twelve digits.
    pub account: String,
    /// The role's ARN, path included.
    pub role_arn: String,
    /// The session's name: a certificate's id where a device asked for it.
    pub session_name: String,
    /// What stands before the name in its user id.
    pub role_id: String,
    /// The certificate of the device it was given to, if it was one.
    pub certificate_id: Option<CertificateId>,
}

impl RoleSession {
    /// `arn:aws:sts::<account>:assumed-role/<role>/<session>`; the role's path is not in it (IAM user guide: "IAM identifiers").
    pub fn arn(&self) -> String {
        let role = self.role_arn.rsplit('/').next().unwrap_or_default();
        format!("arn:aws:sts::{}:assumed-role/{role}/{}", self.account, self.session_name)
    }

    /// `AROA…:<session>`.
    pub fn user_id(&self) -> String {
        format!("{}:{}", self.role_id, self.session_name)
    }
}

/// The secret of an access key, and whose it is.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The secret half.
    pub secret: Secret,
    /// `None`: the account's root.
    pub session: Option<RoleSession>,
}

/// Why there is no secret to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSigner {
    /// Nobody has this access key.
    AccessKey,
    /// The session token is none that was given out with this access key, or is good no more.
    SessionToken,
    /// Its time is over.
    Expired,
}
