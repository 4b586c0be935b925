//! Revocation by the one who issued: the lists of registered CAs, and a CA that is given up with everything it signed.
use std::collections::HashSet;

use sekisho_identity::CertificateStatus;
use sekisho_types::{CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::hex;
use crate::{Event, Registry, RegistryError};

/// A CA's newest list, as far as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationRecord {
    /// Whose list it is.
    pub ca_certificate_id: CertificateId,
    /// When it was issued.
    pub this_update: Timestamp,
    /// When the next one was promised for.
    #[serde(default)]
    pub next_update: Option<Timestamp>,
    /// What it revokes, in hexadecimal digits.
    pub serial_numbers: HashSet<String>,
}

impl Registry {
    /// A CA's newest list.
    pub fn revocation_list(&self, ca: CertificateId) -> Option<&RevocationRecord> {
        self.revocation_lists.get(&ca)
    }

    /// The CAs a list may belong to: those with its issuer's name.
    pub fn cas_named(&self, subject_der: &[u8]) -> Vec<CertificateId> {
        self.cas_by_subject.get(subject_der).into_iter().flatten().copied().collect()
    }

    /// Whether a CA has revoked what it once signed under this number.
    pub(crate) fn is_listed(&self, ca: CertificateId, serial_number: &[u8]) -> bool {
        self.revocation_lists.get(&ca).is_some_and(|list| list.serial_numbers.contains(&hex(serial_number)))
    }

    /// Takes a CA's list in, whose signature was checked. Answers the registered certificates it makes REVOKED: those of the
    /// list are revoked by [`Registry::revoke`], a portion at a time.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the CA; [`RegistryError::InvalidRequest`] for a list older than the one that is there.
    pub fn import_revocation_list(&self, list: RevocationRecord) -> Result<(Vec<Event>, ()), RegistryError> {
        self.ca_certificate(list.ca_certificate_id)?;
        match self.revocation_lists.get(&list.ca_certificate_id) {
            Some(present) if list.this_update < present.this_update => Err(RegistryError::InvalidRequest(format!(
                "The list is older than the one that was imported before (CA {})",
                list.ca_certificate_id
            ))),
            Some(present) if *present == list => Ok((Vec::new(), ())),
            Some(_) | None => Ok((vec![Event::RevocationListImported { list }], ())),
        }
    }

    /// Sets the status of certificates of a CA, of those that can still have it; answers how many changed.
    pub fn revoke(
        &self,
        now: Timestamp,
        certificates: &[CertificateId],
        status: CertificateStatus,
    ) -> (Vec<Event>, usize) {
        let may_become = |id: &&CertificateId| {
            self.certificates.get(*id).is_some_and(|certificate| {
                let from = certificate.status;
                from != status && from.may_become(status).is_ok()
            })
        };
        let changed = certificates.iter().filter(may_become);
        let events: Vec<_> = changed
            .map(|certificate_id| Event::CertificateStatusChanged { certificate_id: *certificate_id, status, at: now })
            .collect();
        let count = events.len();
        (events, count)
    }
}
