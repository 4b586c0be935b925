//! A CA's revocation list makes what it lists REVOKED, once its signature has been checked.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sekisho_identity::{CertificateStatus, PresentedCertificate, RevocationList};
use sekisho_registry::{CaUpdate, RegistryError, RevocationRecord};
use sekisho_state::{CommitError, State};
use sekisho_types::CertificateId;

/// Certificates whose status changes in one entry of the journal.
const TOGETHER: usize = 500;
/// How often watched files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What came of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Whose list it is.
    pub ca_certificate_id: CertificateId,
    /// How many certificates it lists, known or not.
    pub listed: usize,
    /// How many became REVOKED by it.
    pub revoked: usize,
    /// Whether a newer one should have come by now.
    pub expired: bool,
}

/// Why a list is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is none, or none of a registered CA's.
    #[error("{0}")]
    List(String),
    /// It cannot be recorded.
    #[error("{0}")]
    State(String),
}

/// Takes a list in, PEM or DER.
///
/// # Errors
/// [`ImportError`]; nothing happened.
pub async fn import_revocation_list(state: &Arc<State>, bytes: Vec<u8>) -> Result<Imported, ImportError> {
    let reading = state.clone();
    // Lists can be long, and so can the certificates of a CA: neither is worked on by a thread that serves connections.
    let (list, ca, certificates) = tokio::task::spawn_blocking(move || read(&reading, &bytes))
        .await
        .map_err(|error| ImportError::State(error.to_string()))??;
    let record = RevocationRecord {
        ca_certificate_id: ca,
        this_update: list.this_update(),
        next_update: list.next_update(),
        serial_numbers: list.revoked().iter().map(|serial| hex(serial)).collect(),
    };
    let recorded = state.commit(|cores| {
        let (events, ()) = cores.registry.import_revocation_list(record)?;
        Ok::<_, RegistryError>((events.into_iter().map(Into::into).collect(), ()))
    });
    recorded.await.map_err(|error| match error {
        CommitError::Command(error) => ImportError::List(error.to_string()),
        CommitError::Journal(error) => ImportError::State(error.to_string()),
    })?;
    let revoked = change_all(state, &certificates, CertificateStatus::Revoked).await?;
    let (listed, expired) = (list.revoked().len(), list.is_expired(state.now()));
    Ok(Imported { ca_certificate_id: ca, listed, revoked, expired })
}

/// Sets a CA INACTIVE, and its ACTIVE certificates with it if asked. Answers how many of them changed.
///
/// # Errors
/// [`ImportError`].
pub async fn deactivate_ca(
    state: &Arc<State>,
    ca: CertificateId,
    with_certificates: bool,
) -> Result<usize, ImportError> {
    let now = state.now();
    let update = CaUpdate { active: Some(false), ..CaUpdate::default() };
    let updated = state.commit(|cores| {
        let (events, ()) = cores.registry.update_ca_certificate(now, ca, update)?;
        let certificates = cores.registry.certificates_by_ca(ca);
        let active = certificates.filter(|certificate| certificate.status == CertificateStatus::Active);
        let active: Vec<_> = active.map(|certificate| certificate.certificate_id).collect();
        Ok::<_, RegistryError>((events.into_iter().map(Into::into).collect(), active))
    });
    let active = updated.await.map_err(|error| ImportError::List(error.to_string()))?;
    if with_certificates { change_all(state, &active, CertificateStatus::Inactive).await } else { Ok(0) }
}

async fn change_all(
    state: &State,
    certificates: &[CertificateId],
    status: CertificateStatus,
) -> Result<usize, ImportError> {
    let mut changed = 0;
    for portion in certificates.chunks(TOGETHER) {
        let now = state.now();
        let committed = state.commit(|cores| {
            let (events, count) = cores.registry.revoke(now, portion, status);
            Ok::<_, std::convert::Infallible>((events.into_iter().map(Into::into).collect(), count))
        });
        changed += committed.await.map_err(|error| ImportError::State(error.to_string()))?;
    }
    Ok(changed)
}

/// The list, whose it is, and which of the registered certificates it lists.
fn read(state: &State, bytes: &[u8]) -> Result<(RevocationList, CertificateId, Vec<CertificateId>), ImportError> {
    let list = RevocationList::parse(bytes).map_err(|error| ImportError::List(error.to_string()))?;
    let (ca, certificates) = {
        let cores = state.read();
        let ids = cores.registry.cas_named(list.issuer().as_der());
        let mut reason = format!("no CA with the subject `{}` is registered", list.issuer());
        let mut found = None;
        for id in ids {
            let ca = cores.registry.ca_certificate(id).map(|ca| PresentedCertificate::parse(&ca.der));
            let Ok(Ok(ca)) = ca else { continue };
            match list.verify(&ca, state.now()) {
                Ok(()) => found = Some(id),
                Err(error) => reason = error.to_string(),
            }
        }
        let ca = found.ok_or(ImportError::List(reason))?;
        let certificates: Vec<_> =
            cores.registry.certificates_by_ca(ca).map(|found| (found.certificate_id, found.der.clone())).collect();
        (ca, certificates)
    };
    let listed = |der: &[u8]| {
        PresentedCertificate::parse(der).is_ok_and(|certificate| list.revokes(certificate.serial_number()))
    };
    let certificates = certificates.iter().filter(|(_, der)| listed(der)).map(|(id, _)| *id).collect();
    Ok((list, ca, certificates))
}

/// Imports these files at once and whenever they change, until dropped.
pub async fn watch_revocation_lists(state: Arc<State>, paths: Vec<PathBuf>) {
    let mut seen: HashMap<&PathBuf, SystemTime> = HashMap::new();
    loop {
        for path in &paths {
            let modified = match tokio::fs::metadata(path).await.and_then(|found| found.modified()) {
                Ok(modified) => modified,
                Err(error) => {
                    if seen.remove(path).is_some() || seen.is_empty() {
                        tracing::warn!(path = %path.display(), %error, "a revocation list cannot be read");
                    }
                    continue;
                }
            };
            if seen.get(path) == Some(&modified) {
                continue;
            }
            let imported = match tokio::fs::read(path).await {
                Ok(bytes) => import_revocation_list(&state, bytes).await.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            match imported {
                Ok(imported) => tracing::info!(
                    path = %path.display(),
                    ca = %imported.ca_certificate_id,
                    listed = imported.listed,
                    revoked = imported.revoked,
                    expired = imported.expired,
                    "a revocation list was imported"
                ),
                Err(error) => tracing::error!(path = %path.display(), error, "a revocation list was not taken"),
            }
            seen.insert(path, modified);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
