//! From what is on the disk to the state as of the last acknowledgement.
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{OnceLock, RwLock};

use sekisho_actions::Actions;
use sekisho_catalog::Catalog;
use sekisho_delivery::Delivery;
use sekisho_journal::{Durability, JournalError, Layout, Recovery, Sequence};
use sekisho_kms::{Kms, RootKey};
use sekisho_objects::Objects;
use sekisho_registry::Registry;
use sekisho_retained::Retained;
use sekisho_sessions::Sessions;
use sekisho_shadow::Shadows;
use sekisho_types::Tenant;

use crate::{Clock, Cores, State, entry};

/// A state as recovered.
pub struct Opened {
    /// Ready for commands.
    pub state: State,
    /// Entries replayed from the journal, the delivery streams' included.
    pub replayed: u64,
    /// Whether a crash had torn a write that was never acknowledged.
    pub torn: bool,
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A newer version wrote this, or it is damaged behind its seal.
    #[error("entry {sequence} of the journal is not one this version knows")]
    Unknown {
        /// Which entry; 0 for the snapshot.
        sequence: u64,
        /// What the decoder said.
        source: serde_json::Error,
    },
}

/// Opens the journal in `directory` and folds it. Entries that are not the state's go to `other`, in order.
pub fn open(
    directory: &Path,
    tenant: Tenant,
    root_key: RootKey,
    durability: Durability,
    clock: Clock,
    other: &mut dyn FnMut(Sequence, &[u8]),
) -> Result<Opened, OpenError> {
    let mut recovery = Recovery::open(directory, &root_key)?;
    let mut cores = Cores {
        registry: Registry::new(tenant.clone()),
        kms: Kms::new(tenant.clone()),
        objects: Objects::new(tenant.clone()),
        delivery: Delivery::new(tenant.clone()),
        catalog: Catalog::new(tenant.clone()),
        retained: Retained::default(),
        sessions: Sessions::default(),
        shadows: Shadows::default(),
        actions: Actions::default(),
        tenant: tenant.clone(),
    };
    let mut unknown = None;
    let mut fold = |sequence: u64, bytes: &[u8]| match entry::decode(bytes) {
        Some(Ok(events)) => {
            events.iter().for_each(|event| cores.apply(event));
            true
        }
        Some(Err(source)) => {
            unknown.get_or_insert(OpenError::Unknown { sequence, source });
            true
        }
        None => false,
    };
    let snapshot = recovery.snapshot(&mut |entry| {
        fold(0, entry);
    })?;
    let mut applied = snapshot.0;
    let replayed = recovery.replay(&mut |sequence, bytes| {
        if entry::is_state(bytes) {
            if sequence > snapshot {
                fold(sequence.0, bytes);
                applied = sequence.0;
            }
        } else {
            other(sequence, bytes);
        }
    })?;
    if let Some(error) = unknown {
        return Err(error);
    }
    let journal = recovery.start(durability, Layout::JOURNAL, snapshot)?;
    let state = State {
        cores: RwLock::new(cores),
        journal,
        tenant,
        root_key,
        clock,
        applied: AtomicU64::new(applied),
        snapshot: AtomicU64::new(snapshot.0),
        observers: OnceLock::new(),
        witness: OnceLock::new(),
        audit: OnceLock::new(),
    };
    Ok(Opened { state, replayed: replayed.entries, torn: replayed.torn_blocks > 0 })
}
