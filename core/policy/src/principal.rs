//! Whoever was let in: a device by its certificate, one that a custom authorizer knows, or the account's operator by a signature.
use std::time::Duration;

use sekisho_authorizer::Authenticated;
use sekisho_identity::DeviceIdentity;
use sekisho_sigv4::Operator;
use sekisho_types::{CertificateId, Timestamp};

use crate::{Action, Context, Denied, Permit, PolicySet, authorize, authorize_custom, authorize_operator};

/// A principal that has proven who it is. IoT policies speak of devices alone: what an operator may do is IAM's affair, and the
/// account's own may do everything (iot dev guide: "Authorization").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A device with an active certificate.
    Device(DeviceIdentity),
    /// Somebody a custom authorizer has recognized; its answer brings the policies.
    Custom(Authenticated),
    /// Whoever signed with the account's access key.
    Operator(Operator),
}

impl Principal {
    /// Asks whether it may do `action`; policies and context are not asked about operators.
    ///
    /// # Errors
    /// [`Denied`], with the statement at fault.
    pub fn authorize<A: Action>(
        &self,
        action: A,
        policies: &PolicySet,
        context: &Context,
    ) -> Result<Permit<A>, Denied> {
        match self {
            Self::Device(identity) => authorize(identity, action, policies, context),
            Self::Custom(who) => authorize_custom(who, action, policies, context),
            Self::Operator(operator) => Ok(authorize_operator(operator, action)),
        }
    }

    /// The certificate it rests on; an operator's proof is no certificate, nor is a custom authorizer's word.
    pub const fn certificate_id(&self) -> Option<CertificateId> {
        match self {
            Self::Device(identity) => Some(identity.certificate_id()),
            Self::Custom(_) | Self::Operator(_) => None,
        }
    }

    /// How long it is who it is from `now` on, if that ends by itself.
    pub fn valid_for(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Device(identity) => Some(identity.valid_for(now)),
            Self::Custom(_) | Self::Operator(_) => None,
        }
    }
}

impl From<DeviceIdentity> for Principal {
    fn from(identity: DeviceIdentity) -> Self {
        Self::Device(identity)
    }
}

impl From<Authenticated> for Principal {
    fn from(who: Authenticated) -> Self {
        Self::Custom(who)
    }
}

impl From<Operator> for Principal {
    fn from(operator: Operator) -> Self {
        Self::Operator(operator)
    }
}
