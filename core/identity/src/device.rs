//! The proof that a device is who its certificate says.
use std::time::Duration;

use sekisho_types::{CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::CertificateStatus;

/// What the registry knows about a certificate that decides whether its holder is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateRecord {
    /// Only ACTIVE is let in.
    pub status: CertificateStatus,
    /// First second of validity (RFC 5280 §4.1.2.5: both ends belong to the period).
    pub not_before: Timestamp,
    /// Last second of validity.
    pub not_after: Timestamp,
}

/// A device whose certificate was ACTIVE and inside its validity when this was made. There is no other way to make one.
///
/// It proves nothing about a later time: a connection that lives on is told of a change, and asks again after `not_after`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIdentity {
    certificate_id: CertificateId,
    not_after: Timestamp,
}

/// Why a certificate's holder is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Device, or operator: nobody registered this certificate.
    #[error("certificate `{certificate_id}` is not registered")]
    Unknown {
        /// The certificate that was presented.
        certificate_id: CertificateId,
    },
    /// Operator: activate it.
    #[error("certificate `{certificate_id}` is {status}, not ACTIVE")]
    NotActive {
        /// The certificate that was presented.
        certificate_id: CertificateId,
        /// The status it has.
        status: CertificateStatus,
    },
    /// Operator: a clock is wrong, or the certificate is for later.
    #[error("certificate `{certificate_id}` is not valid before {not_before}")]
    NotYetValid {
        /// The certificate that was presented.
        certificate_id: CertificateId,
        /// When it becomes valid.
        not_before: Timestamp,
    },
    /// Device: it needs a new certificate.
    #[error("certificate `{certificate_id}` expired at {not_after}")]
    Expired {
        /// The certificate that was presented.
        certificate_id: CertificateId,
        /// Its last valid second.
        not_after: Timestamp,
    },
}

impl DeviceIdentity {
    /// Resolves a certificate whose private key the peer has proven to hold.
    ///
    /// # Errors
    /// The first of status, start and end of validity that refuses it.
    pub fn establish(
        certificate_id: CertificateId,
        record: &CertificateRecord,
        now: Timestamp,
    ) -> Result<Self, IdentityError> {
        let CertificateRecord { status, not_before, not_after } = *record;
        match status {
            CertificateStatus::Active => {}
            CertificateStatus::Inactive
            | CertificateStatus::Revoked
            | CertificateStatus::PendingTransfer
            | CertificateStatus::RegisterInactive
            | CertificateStatus::PendingActivation => {
                return Err(IdentityError::NotActive { certificate_id, status });
            }
        }
        if now.seconds() < not_before.seconds() {
            return Err(IdentityError::NotYetValid { certificate_id, not_before });
        }
        if now.seconds() > not_after.seconds() {
            return Err(IdentityError::Expired { certificate_id, not_after });
        }
        Ok(Self { certificate_id, not_after })
    }

    /// The certificate this identity rests on.
    pub const fn certificate_id(&self) -> CertificateId {
        self.certificate_id
    }

    /// How long its certificate is valid from `now` on; the last second belongs to it.
    pub fn valid_for(&self, now: Timestamp) -> Duration {
        Timestamp::from_seconds(self.not_after.seconds().saturating_add(1)).since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::CertificateStatus::*;
    use super::*;

    #[rustfmt::skip] // citation                        status     now ms     let in?
    const ESTABLISH: &[(&str, CertificateStatus, i64, &str)] = &[
        ("iot dev guide: device-certs-create",          Active,            150_000, "yes"),
        ("RFC 5280 §4.1.2.5, notBefore is included",    Active,            100_000, "yes"),
        ("RFC 5280 §4.1.2.5",                           Active,             99_999, "not yet valid"),
        ("RFC 5280 §4.1.2.5, notAfter is included",     Active,            200_999, "yes"),
        ("RFC 5280 §4.1.2.5",                           Active,            201_000, "expired"),
        ("iot UpdateCertificate: newStatus",            Inactive,          150_000, "not active"),
        ("iot UpdateCertificate: newStatus",            Revoked,           150_000, "not active"),
        ("iot dev guide: auto-register-device-cert",    PendingActivation, 150_000, "not active"),
        ("iot dev guide: transfer-cert",                PendingTransfer,   150_000, "not active"),
        ("iot UpdateCertificate: newStatus",            RegisterInactive,  150_000, "not active"),
    ];

    #[test]
    fn who_is_let_in() {
        let id = CertificateId::new([7; 32]);
        for (citation, status, now, outcome) in ESTABLISH {
            let record = CertificateRecord {
                status: *status,
                not_before: Timestamp::from_seconds(100),
                not_after: Timestamp::from_seconds(200),
            };
            let seen = match DeviceIdentity::establish(id, &record, Timestamp::from_millis(*now)) {
                Ok(identity) => {
                    assert_eq!(identity.certificate_id(), id);
                    let end = Timestamp::from_millis(*now).plus(identity.valid_for(Timestamp::from_millis(*now)));
                    assert_eq!(end, Timestamp::from_seconds(201), "{citation}");
                    "yes"
                }
                Err(IdentityError::NotActive { .. }) => "not active",
                Err(IdentityError::NotYetValid { .. }) => "not yet valid",
                Err(IdentityError::Expired { .. }) => "expired",
                Err(IdentityError::Unknown { .. }) => "unknown",
            };
            assert_eq!(seen, *outcome, "{citation}: {status} at {now} ms");
        }
    }
}
