//! Why a command is refused.
use std::fmt;

use sekisho_types::InvalidName;

/// A kind of resource, as an ARN's first word names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `thing/<name>`
    Thing,
    /// `thingtype/<name>`
    ThingType,
    /// `thinggroup/<name>`
    ThingGroup,
    /// `billinggroup/<name>`
    BillingGroup,
    /// `cert/<id>`
    Certificate,
    /// `policy/<name>`
    Policy,
    /// A version of a policy; it has no ARN of its own.
    PolicyVersion,
    /// `rule/<name>`
    TopicRule,
    /// `cacert/<id>`
    CaCertificate,
    /// `provisioningtemplate/<name>`
    ProvisioningTemplate,
    /// A version of a provisioning template; it has no ARN of its own.
    ProvisioningTemplateVersion,
    /// `rolealias/<name>`
    RoleAlias,
    /// `authorizer/<name>`
    Authorizer,
    /// `ruledestination/http/<id>`
    TopicRuleDestination,
    /// A bulk registration task; it has no ARN.
    RegistrationTask,
    /// A certificate's way from another account.
    Transfer,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thing => "Thing",
            Self::ThingType => "Thing type",
            Self::ThingGroup => "Thing group",
            Self::BillingGroup => "Billing group",
            Self::Certificate => "Certificate",
            Self::Policy => "Policy",
            Self::PolicyVersion => "Policy version",
            Self::TopicRule => "Topic rule",
            Self::CaCertificate => "CA certificate",
            Self::ProvisioningTemplate => "Provisioning template",
            Self::ProvisioningTemplateVersion => "Provisioning template version",
            Self::RoleAlias => "Role alias",
            Self::Authorizer => "Authorizer",
            Self::TopicRuleDestination => "Topic rule destination",
            Self::RegistrationTask => "Thing registration task",
            Self::Transfer => "Transfer of certificate",
        })
    }
}

/// Why a command is refused. The caller's move, each time; the text is what AWS says where that is known, for it goes out on
/// the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Name something that exists.
    #[error("{what} {name} not found")]
    NotFound {
        /// The kind of resource.
        what: Resource,
        /// The name or id that was given.
        name: String,
    },
    /// Choose another name, or use what is there.
    #[error("{message}")]
    AlreadyExists {
        /// What is wrong.
        message: String,
        /// The name or id of what is there.
        resource_id: String,
        /// Its ARN.
        resource_arn: String,
    },
    /// Read it again: somebody else changed it. Names the kind too, such as `thing pump-7`.
    #[error("The version for {0} does not match the expected version.")]
    VersionConflict(String),
    /// The request contradicts itself or the state of what it names.
    #[error("{0}")]
    InvalidRequest(String),
    /// Detach or remove first what still depends on it.
    #[error("{0}")]
    DeleteConflict(String),
    /// The certificate's status forbids it.
    #[error("{0}")]
    CertificateState(String),
    /// Several registered CAs could have signed it.
    #[error("{0}")]
    CertificateConflict(String),
    /// The verification certificate does not name the registration code.
    #[error("{0}")]
    RegistrationCode(String),
    /// Something is attached to a certificate that is to leave.
    #[error("{0}")]
    TransferConflict(String),
    /// The certificate cannot be registered.
    #[error("{0}")]
    CertificateValidation(String),
    /// Delete a version first.
    #[error("{0}")]
    VersionsLimitExceeded(String),
    /// A quota of AWS IoT Core.
    #[error("{0}")]
    LimitExceeded(String),
    /// The search query has a part that is not understood.
    #[error("{0}")]
    InvalidQuery(String),
    /// The document is no policy.
    #[error("{0}")]
    MalformedPolicy(String),
    /// The rule's SQL cannot be compiled.
    #[error("{0}")]
    SqlParse(String),
}

impl From<InvalidName> for RegistryError {
    fn from(error: InvalidName) -> Self {
        Self::InvalidRequest(error.to_string())
    }
}

impl RegistryError {
    pub(crate) fn not_found(what: Resource, name: impl fmt::Display) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }
}

/// What a caller read must still be so, if it says which version that was.
///
/// # Errors
/// [`RegistryError::VersionConflict`].
pub(crate) fn check_version(
    kind: &str,
    name: &dyn std::fmt::Display,
    version: u64,
    expected: Option<u64>,
) -> Result<(), RegistryError> {
    match expected {
        Some(expected) if expected != version => Err(RegistryError::VersionConflict(format!("{kind} {name}"))),
        Some(_) | None => Ok(()),
    }
}
