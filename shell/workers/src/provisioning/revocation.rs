//! A CA's revocation list makes what it lists REVOKED, once its signature has been checked.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sekisho_identity::{CertificateStatus, PresentedCertificate, RevocationList};
use sekisho_registry::{CaUpdate, RegistryError, RevocationListId};
use sekisho_state::{CommitError, State};
use sekisho_types::CertificateId;
use tokio::sync::Mutex;

/// Certificates whose status changes in one entry of the journal.
const TOGETHER: usize = 500;
/// How often watched files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What came of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// A CA whose key signed it.
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

/// Takes lists in, one at a time.
pub struct Revocation {
    state: Arc<State>,
    importing: Mutex<()>,
}

impl Revocation {
    /// Over the present state.
    pub fn new(state: Arc<State>) -> Self {
        Self { state, importing: Mutex::new(()) }
    }

    /// Takes a list in, PEM or DER.
    ///
    /// # Errors
    /// [`ImportError`]; what was there before counts on.
    pub async fn import(&self, bytes: Vec<u8>) -> Result<Imported, ImportError> {
        let _one_at_a_time = self.importing.lock().await;
        let reading = self.state.clone();
        // Lists can be long: a thread that serves connections does not work on them.
        let (list, ca) = tokio::task::spawn_blocking(move || read(&reading, &bytes))
            .await
            .map_err(|error| ImportError::State(error.to_string()))??;
        let id = RevocationListId::new(&ca, list.part());
        let dates = (list.this_update(), list.next_update());
        let serials = list.revoked().iter().map(|serial| serial.to_vec());
        let events = self.state.read().registry.import_revocation_list(&id, dates, serials);
        for event in events.map_err(|error| ImportError::List(error.to_string()))? {
            let enqueued = self.state.enqueue(|_| Ok::<_, std::convert::Infallible>((vec![event.into()], ())));
            enqueued.map_err(|error| ImportError::State(error.to_string()))?;
        }
        self.state.settle().await.map_err(|error| ImportError::State(error.to_string()))?;
        let revoked = self.sweep().await?;
        let (listed, expired) = (list.revoked().len(), list.is_expired(self.state.now()));
        Ok(Imported { ca_certificate_id: ca.certificate_id(), listed, revoked, expired })
    }

    /// Revokes what the lists in force list and is not REVOKED yet: after an import, and after a start, for the last one may
    /// have been cut short. Answers how many that were.
    ///
    /// # Errors
    /// [`ImportError::State`].
    pub async fn sweep(&self) -> Result<usize, ImportError> {
        let sweep = self.state.read().registry.revocation_sweep();
        let Some(sweep) = sweep else { return Ok(0) };
        let listed = tokio::task::spawn_blocking(move || sweep.listed()).await;
        let listed = listed.map_err(|error| ImportError::State(error.to_string()))?;
        change_all(&self.state, &listed, CertificateStatus::Revoked).await
    }

    /// Sets a CA INACTIVE, and its ACTIVE certificates with it if asked. Answers how many of them changed.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn deactivate_ca(&self, ca: CertificateId, with_certificates: bool) -> Result<usize, ImportError> {
        let now = self.state.now();
        let update = CaUpdate { active: Some(false), ..CaUpdate::default() };
        let updated = self.state.commit(|cores| {
            let (events, ()) = cores.registry.update_ca_certificate(now, ca, update)?;
            let certificates = cores.registry.certificates_by_ca(ca);
            let active = certificates.filter(|certificate| certificate.status == CertificateStatus::Active);
            let active: Vec<_> = active.map(|certificate| certificate.certificate_id).collect();
            Ok::<_, RegistryError>((events.into_iter().map(Into::into).collect(), active))
        });
        let active = updated.await.map_err(|error| match error {
            CommitError::Command(error) => ImportError::List(error.to_string()),
            CommitError::Journal(error) => ImportError::State(error.to_string()),
        })?;
        if with_certificates { change_all(&self.state, &active, CertificateStatus::Inactive).await } else { Ok(0) }
    }

    /// Sweeps once, then imports these files now and whenever they change, until dropped. A file that cannot be taken is tried
    /// again: its CA may be registered later.
    pub async fn watch(&self, paths: Vec<PathBuf>) {
        match self.sweep().await {
            Ok(0) => {}
            Ok(revoked) => tracing::info!(revoked, "certificates on a revocation list became REVOKED after a start"),
            Err(error) => tracing::error!(%error, "the revocation lists could not be applied"),
        }
        let mut taken: HashMap<&PathBuf, SystemTime> = HashMap::new();
        let mut told: HashMap<&PathBuf, String> = HashMap::new();
        while !paths.is_empty() {
            for path in &paths {
                if let Err(error) = self.look(path, &mut taken).await {
                    // Once for each reason, not every few seconds.
                    if told.get(path) != Some(&error) {
                        tracing::error!(path = %path.display(), error, "a revocation list is not taken; it will be tried again");
                        told.insert(path, error);
                    }
                } else {
                    told.remove(path);
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look<'a>(&self, path: &'a PathBuf, taken: &mut HashMap<&'a PathBuf, SystemTime>) -> Result<(), String> {
        let modified = tokio::fs::metadata(path).await.and_then(|found| found.modified()).map_err(|e| e.to_string())?;
        if taken.get(path) == Some(&modified) {
            return Ok(());
        }
        let bytes = tokio::fs::read(path).await.map_err(|error| error.to_string())?;
        let imported = self.import(bytes).await.map_err(|error| error.to_string())?;
        tracing::info!(
            path = %path.display(),
            ca = %imported.ca_certificate_id,
            listed = imported.listed,
            revoked = imported.revoked,
            expired = imported.expired,
            "a revocation list was imported"
        );
        taken.insert(path, modified);
        Ok(())
    }
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

/// The list, and a registered CA whose key signed it.
fn read(state: &State, bytes: &[u8]) -> Result<(RevocationList, PresentedCertificate), ImportError> {
    let list = RevocationList::parse(bytes).map_err(|error| ImportError::List(error.to_string()))?;
    let cas = state.read().registry.cas_named(list.issuer().as_der());
    let mut reason = format!("no CA with the subject `{}` is registered", list.issuer());
    for ca in cas {
        match list.verify(&ca, state.now()) {
            Ok(()) => return Ok((list, ca)),
            Err(error) => reason = error.to_string(),
        }
    }
    Err(ImportError::List(reason))
}
