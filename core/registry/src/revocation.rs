//! Revocation by the one who issued: the lists of registered CAs, and a CA that is given up with everything it signed.
//!
//! A list belongs to a key, not to a certificate that holds it: a CA that was renewed under the same key revokes for both. A
//! list may have a million entries, so it comes in portions and counts from the moment it is whole.
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use sekisho_identity::{CertificateStatus, PresentedCertificate};
use sekisho_types::{CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::hex;
use crate::{Event, Registry, RegistryError};

/// Lists that are kept. And then: no other is taken, until one of these is replaced.
pub const REVOCATION_LISTS_MAX: usize = 1_000;
/// Entries of a list in one event.
const PORTION: usize = 5_000;

/// Which list: whose key signs it, and which part of what that key has signed it covers (RFC 5280 §5.2.5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RevocationListId {
    /// SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal digits.
    pub authority: String,
    /// SHA-256 of the issuingDistributionPoint; empty for the list of everything.
    pub part: String,
}

impl RevocationListId {
    /// The list of `ca`'s key that covers `part`.
    pub fn new(ca: &PresentedCertificate, part: &[u8]) -> Self {
        let part = if part.is_empty() { String::new() } else { hex(digest(&SHA256, part).as_ref()) };
        Self { authority: authority(ca), part }
    }
}

/// A list in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldList {
    pub(crate) this_update: Timestamp,
    pub(crate) next_update: Option<Timestamp>,
    pub(crate) serial_numbers: HashSet<Box<str>>,
}

/// Every list: those in force, and those that are still coming in.
#[derive(Clone, Debug, Default)]
pub(crate) struct RevocationLists {
    taken: BTreeMap<RevocationListId, Arc<HeldList>>,
    begun: BTreeMap<RevocationListId, HashSet<Box<str>>>,
}

impl RevocationLists {
    pub(crate) fn begin(&mut self, id: &RevocationListId) {
        self.begun.insert(id.clone(), HashSet::new());
    }

    pub(crate) fn extend(&mut self, id: &RevocationListId, serial_numbers: &[String]) {
        if let Some(begun) = self.begun.get_mut(id) {
            begun.extend(serial_numbers.iter().map(|serial| serial.as_str().into()));
        }
    }

    pub(crate) fn take(&mut self, id: &RevocationListId, this_update: Timestamp, next_update: Option<Timestamp>) {
        if let Some(serial_numbers) = self.begun.remove(id) {
            self.taken.insert(id.clone(), Arc::new(HeldList { this_update, next_update, serial_numbers }));
        }
    }

    /// The events that fold to these lists, in portions.
    pub(crate) fn snapshot(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, held) in &self.taken {
            portions(id, held.serial_numbers.iter().map(|serial| serial.to_string()), &mut events);
            let (this_update, next_update) = (held.this_update, held.next_update);
            events.push(Event::RevocationListTaken { id: id.clone(), this_update, next_update });
        }
        for (id, serial_numbers) in &self.begun {
            portions(id, serial_numbers.iter().map(|serial| serial.to_string()), &mut events);
        }
        events
    }

    fn of<'a>(&'a self, authority: &'a str) -> impl Iterator<Item = &'a Arc<HeldList>> {
        self.taken.iter().filter(move |(id, _)| id.authority == authority).map(|(_, held)| held)
    }
}

fn portions(id: &RevocationListId, serial_numbers: impl Iterator<Item = String>, events: &mut Vec<Event>) {
    events.push(Event::RevocationListBegun { id: id.clone() });
    let mut all: Vec<String> = serial_numbers.collect();
    all.sort_unstable(); // the same list, the same events
    events.extend(
        all.chunks(PORTION).map(|some| Event::RevocationListExtended { id: id.clone(), serial_numbers: some.to_vec() }),
    );
}

/// Who a CA is when it revokes: its key.
pub(crate) fn authority(ca: &PresentedCertificate) -> String {
    hex(digest(&SHA256, ca.subject_public_key_info().as_der()).as_ref())
}

/// What a sweep looks at, taken out of the state at once and cheaply: certificates are parsed outside.
pub struct RevocationSweep {
    cas: Vec<(PresentedCertificate, Vec<Arc<HeldList>>)>,
    certificates: Vec<(CertificateId, Arc<[u8]>)>,
}

impl RevocationSweep {
    /// The registered certificates that a list in force revokes and that are not REVOKED yet, whoever registered them and how.
    /// Takes microseconds for each certificate there is.
    pub fn listed(&self) -> Vec<CertificateId> {
        let listed = |der: &[u8]| {
            let Ok(certificate) = PresentedCertificate::parse(der) else { return false };
            let serial = hex(certificate.serial_number());
            self.cas.iter().any(|(ca, lists)| {
                ca.subject() == certificate.issuer()
                    && lists.iter().any(|list| list.serial_numbers.contains(serial.as_str()))
                    && certificate.verify_signed_by(ca).is_ok()
            })
        };
        self.certificates.iter().filter(|(_, der)| listed(der)).map(|(id, _)| *id).collect()
    }
}

impl Registry {
    /// Whether a CA's key has revoked what it once signed under this number.
    pub(crate) fn is_listed(&self, authority: &str, serial_number: &[u8]) -> bool {
        let serial = hex(serial_number);
        self.revocation_lists.of(authority).any(|list| list.serial_numbers.contains(serial.as_str()))
    }

    /// The events by which a list, whose signature was checked, comes into force. They may be journaled one after another: it
    /// counts from the last.
    ///
    /// # Errors
    /// [`RegistryError::InvalidRequest`] for a list older than the one that is there, [`RegistryError::LimitExceeded`] for one
    /// too many.
    pub fn import_revocation_list(
        &self,
        id: &RevocationListId,
        (this_update, next_update): (Timestamp, Option<Timestamp>),
        serial_numbers: impl Iterator<Item = Vec<u8>>,
    ) -> Result<Vec<Event>, RegistryError> {
        match self.revocation_lists.taken.get(id) {
            Some(present) if this_update < present.this_update => {
                let message = "The list is older than the one that was imported before".to_owned();
                return Err(RegistryError::InvalidRequest(message));
            }
            None if self.revocation_lists.taken.len() >= REVOCATION_LISTS_MAX => {
                let message = format!("At most {REVOCATION_LISTS_MAX} revocation lists are kept");
                return Err(RegistryError::LimitExceeded(message));
            }
            Some(_) | None => {}
        }
        let mut events = Vec::new();
        portions(id, serial_numbers.map(|serial| hex(&serial)), &mut events);
        events.push(Event::RevocationListTaken { id: id.clone(), this_update, next_update });
        Ok(events)
    }

    /// What there is to look at for [`RevocationSweep::listed`]; `None` where no CA has a list.
    pub fn revocation_sweep(&self) -> Option<RevocationSweep> {
        let of = |held: &crate::ca_certificate::HeldCa| {
            let presented = held.presented.clone()?;
            let lists: Vec<_> = self.revocation_lists.of(&held.authority).cloned().collect();
            (!lists.is_empty()).then_some((presented, lists))
        };
        let cas: Vec<_> = self.cas.values().filter_map(|held| of(held)).collect();
        if cas.is_empty() {
            return None;
        }
        let open = self.certificates.values().filter(|found| found.status != CertificateStatus::Revoked);
        let certificates = open.map(|found| (found.certificate_id, found.der.clone())).collect();
        Some(RevocationSweep { cas, certificates })
    }

    /// Sets the status of certificates, of those that can still have it; answers how many changed.
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
