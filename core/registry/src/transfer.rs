//! A certificate on its way to another account. One account shows the sender's side; what others sent, it never sees.
use sekisho_identity::CertificateStatus;
use sekisho_types::{AccountId, CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Certificate, Event, PolicyTarget, Registry, RegistryError, Resource};

/// What is known of a transfer under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Where to.
    pub target_account: AccountId,
    /// For the people there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Since when.
    pub date: Timestamp,
}

impl Registry {
    /// `TransferCertificate`. Answers the ARN it has in the other account.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::CertificateState`] unless it is INACTIVE; [`RegistryError::TransferConflict`]
    /// while something is attached; [`RegistryError::InvalidRequest`] for our own account.
    pub fn transfer_certificate(
        &self,
        now: Timestamp,
        certificate_id: CertificateId,
        target_account: AccountId,
        message: Option<String>,
    ) -> Result<(Vec<Event>, String), RegistryError> {
        let certificate = self.certificate(certificate_id)?;
        if target_account == self.tenant.account {
            let message = "A certificate cannot be transferred to the account it is in".to_owned();
            return Err(RegistryError::InvalidRequest(message));
        }
        if certificate.status != CertificateStatus::Inactive {
            return Err(RegistryError::CertificateState(format!(
                "Certificate must be INACTIVE before a transfer, and is {}. Id: {certificate_id}",
                certificate.status
            )));
        }
        let attached = self.policy_targets.count(&PolicyTarget::Certificate(certificate_id)) > 0
            || self.thing_principals.count(&certificate_id) > 0;
        if attached {
            return Err(RegistryError::TransferConflict(format!(
                "Policies and things must be detached before a transfer (arn: {})",
                self.certificate_arn(certificate_id)
            )));
        }
        let mut target = self.tenant.clone();
        target.account = target_account.clone();
        let arn = target.arn("iot", format_args!("cert/{certificate_id}"));
        let transfer = Transfer { target_account, message, date: now };
        Ok((vec![Event::CertificateTransferStarted { certificate_id, transfer }], arn))
    }

    /// `CancelCertificateTransfer`: INACTIVE, and ours again.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::InvalidRequest`] if it is not being transferred.
    pub fn cancel_certificate_transfer(
        &self,
        now: Timestamp,
        certificate_id: CertificateId,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        if self.certificate(certificate_id)?.status != CertificateStatus::PendingTransfer {
            let message = format!("Certificate {certificate_id} is not being transferred");
            return Err(RegistryError::InvalidRequest(message));
        }
        let status = CertificateStatus::Inactive;
        Ok((vec![Event::CertificateStatusChanged { certificate_id, status, at: now }], ()))
    }

    /// `AcceptCertificateTransfer`, `RejectCertificateTransfer`: the receiver's side. Nobody sends us anything.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], always.
    pub fn incoming_transfer(&self, certificate_id: CertificateId) -> Result<(), RegistryError> {
        Err(RegistryError::not_found(Resource::Transfer, certificate_id))
    }

    /// `ListOutgoingCertificates`: oldest first.
    pub fn outgoing_certificates(&self) -> impl DoubleEndedIterator<Item = (&Certificate, &Transfer)> {
        self.certificates().filter_map(|certificate| {
            let pending = certificate.status == CertificateStatus::PendingTransfer;
            certificate.transfer.as_ref().filter(|_| pending).map(|transfer| (certificate, transfer))
        })
    }
}
