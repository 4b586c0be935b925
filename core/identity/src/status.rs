//! The status of a registered certificate, and which status may follow which.
use std::fmt;

use serde::{Deserialize, Serialize};

/// A certificate's status, spelled as AWS IoT spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateStatus {
    /// May connect.
    Active,
    /// May not connect; the operator can activate it.
    Inactive,
    /// May never connect again.
    Revoked,
    /// On its way to another account, which has neither accepted nor rejected it.
    PendingTransfer,
    /// Registered without its CA's approval; AWS keeps the name only for old records.
    RegisterInactive,
    /// Registered at first connection or by a claim, waiting for provisioning to finish.
    PendingActivation,
}

/// Why a status may not follow another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransitionError {
    /// `UpdateCertificate` never sets this status.
    #[error("status `{0}` cannot be set by an update")]
    NotSettable(CertificateStatus),
    /// The present status is left only by other means, or never.
    #[error("a certificate that is `{from}` cannot become `{to}`")]
    Refused {
        /// The status it has.
        from: CertificateStatus,
        /// The status that was asked for.
        to: CertificateStatus,
    },
}

impl CertificateStatus {
    /// Every status, in the API's order.
    pub const ALL: [Self; 6] = [
        Self::Active,
        Self::Inactive,
        Self::Revoked,
        Self::PendingTransfer,
        Self::RegisterInactive,
        Self::PendingActivation,
    ];

    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Inactive => "INACTIVE",
            Self::Revoked => "REVOKED",
            Self::PendingTransfer => "PENDING_TRANSFER",
            Self::RegisterInactive => "REGISTER_INACTIVE",
            Self::PendingActivation => "PENDING_ACTIVATION",
        }
    }

    /// The status the API spells so.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether `UpdateCertificate` may take a certificate from this status to `to`.
    ///
    /// Setting the same status again is no error. Revocation is final. A transfer ends by accepting, rejecting or
    /// cancelling it, not by an update.
    ///
    /// # Errors
    /// [`TransitionError::NotSettable`] where no update may ask for `to`, else [`TransitionError::Refused`].
    pub const fn may_become(self, to: Self) -> Result<(), TransitionError> {
        match to {
            Self::PendingTransfer | Self::RegisterInactive | Self::PendingActivation => {
                Err(TransitionError::NotSettable(to))
            }
            Self::Active | Self::Inactive | Self::Revoked => match (self, to) {
                (Self::Active | Self::Inactive | Self::PendingActivation | Self::RegisterInactive, _)
                | (Self::Revoked, Self::Revoked) => Ok(()),
                (Self::Revoked | Self::PendingTransfer, _) => Err(TransitionError::Refused { from: self, to }),
            },
        }
    }
}

impl fmt::Display for CertificateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::CertificateStatus::*;
    use super::*;

    #[rustfmt::skip] // from           to ACTIVE REVOKED INACTIVE, in that order
    const SETTABLE: &[(&str, CertificateStatus, [bool; 3])] = &[
        ("iot UpdateCertificate: idempotent",                       Active,            [true,  true, true]),
        ("iot UpdateCertificate: reactivate",                       Inactive,          [true,  true, true]),
        ("iot dev guide: manual-cert-registration, revoked is final", Revoked,         [false, true, false]),
        ("iot dev guide: auto-register-device-cert, activate",      PendingActivation, [true,  true, true]),
        ("iot dev guide: transfer-cert, accept or reject it",       PendingTransfer,   [false, false, false]),
        ("iot UpdateCertificate: old records can be put right",     RegisterInactive,  [true,  true, true]),
    ];

    #[test]
    fn what_an_update_may_set() {
        for (citation, from, allowed) in SETTABLE {
            for (to, allowed) in [Active, Revoked, Inactive].into_iter().zip(allowed) {
                assert_eq!(from.may_become(to).is_ok(), *allowed, "{citation}: {from} to {to}");
            }
            for to in [PendingTransfer, RegisterInactive, PendingActivation] {
                assert_eq!(from.may_become(to), Err(TransitionError::NotSettable(to)), "{citation}: {from} to {to}");
            }
        }
    }

    #[test]
    fn a_status_parses_as_it_prints() {
        for status in CertificateStatus::ALL {
            assert_eq!(CertificateStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(CertificateStatus::parse("active"), None);
    }
}
