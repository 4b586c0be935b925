//! A place of bodies and what this process knows of them: which are on their way in, and which are being read.
//!
//! A body that is on its way is not in the index yet, and one that is read may not be in it any more: neither may be swept away.
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_objects::BlobId;

use crate::pins::{Pin, Pins};
use crate::{Bodies, Listing, NewBody, StoreError, StoredBody};

#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    bodies: Arc<dyn Bodies>,
    pins: Pins,
    /// Begun, and neither in the index nor given up.
    on_their_way: Arc<Mutex<HashSet<BlobId>>>,
}

/// What [`Shelf::sweep`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Bodies that were nobody's; removed.
    pub removed: u64,
    /// Bodies the index knows and the place does not.
    pub missing: Vec<BlobId>,
}

impl Shelf {
    pub(crate) fn new(bodies: Arc<dyn Bodies>) -> Self {
        Self { bodies, pins: Pins::default(), on_their_way: Arc::default() }
    }

    fn on_their_way(&self) -> MutexGuard<'_, HashSet<BlobId>> {
        self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a body. Blocks.
    pub(crate) fn begin(&self, blob: BlobId) -> Result<UnfinishedBody, StoreError> {
        let guard = OnItsWay { shelf: self.clone(), blob, left: Left::Nothing };
        self.on_their_way().insert(blob);
        Ok(UnfinishedBody { body: self.bodies.begin(blob)?, guard })
    }

    /// Opens a finished body. Blocks.
    pub(crate) fn open(&self, blob: BlobId) -> Result<Box<dyn StoredBody>, StoreError> {
        self.bodies.open(blob)
    }

    /// Keeps bodies where they are while somebody reads them. Taken under the lock of the index that names them: whoever
    /// removes them has changed the index before.
    pub(crate) fn pin(&self, blobs: Vec<BlobId>) -> Pin {
        self.pins.pin(self.clone(), blobs)
    }

    /// Removes a finished body that is nobody's any more, once nobody reads it. If that fails, or a crash comes first, a later
    /// sweep does it.
    pub(crate) fn remove(&self, blob: BlobId) {
        if !self.pins.doom(blob) {
            self.unpinned(blob);
        }
    }

    /// Removes one that nobody reads.
    pub(crate) fn unpinned(&self, blob: BlobId) {
        self.bodies.remove(blob);
    }

    /// Everything there is. Blocks.
    pub(crate) fn list(&self) -> Result<Listing, StoreError> {
        self.bodies.list()
    }

    /// Removes what a crash left: bodies never finished, finished but never indexed, or replaced but not yet removed. `known`
    /// answers what the index names now. Blocks; others may put and get meanwhile.
    pub(crate) fn sweep(&self, known: impl Fn() -> HashSet<BlobId>) -> Result<Swept, StoreError> {
        let before = known();
        let listing = self.list()?;
        // In this order: what leaves the way is in the index by then, or given up.
        let on_their_way = self.on_their_way().clone();
        let after = known();
        let listed: HashSet<BlobId> = listing.bodies.into_iter().collect();
        let nobodys = listed.iter().filter(|blob| !after.contains(blob) && !on_their_way.contains(blob));
        let removed = nobodys.map(|blob| self.remove(*blob)).count() as u64;
        let missing = before.iter().filter(|blob| after.contains(blob) && !listed.contains(blob)).copied().collect();
        Ok(Swept { removed, missing })
    }

    /// As [`Bodies::remove_leftovers`].
    pub(crate) fn remove_leftovers(&self) -> Result<u64, StoreError> {
        self.bodies.remove_leftovers()
    }
}

/// A body being written; dropped, it is gone.
pub(crate) struct UnfinishedBody {
    body: Box<dyn NewBody>,
    guard: OnItsWay,
}

impl UnfinishedBody {
    /// Appends. Blocks now and then.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.body.write(bytes)
    }

    /// Makes it durable. Blocks.
    pub(crate) fn finish(self) -> Result<FinishedBody, StoreError> {
        let Self { body, mut guard } = self;
        // Even if that fails, it may be there.
        guard.left = Left::Perhaps;
        body.finish()?;
        Ok(FinishedBody { guard })
    }
}

/// A body that is durable and that no index knows yet; dropped, it is gone.
pub(crate) struct FinishedBody {
    guard: OnItsWay,
}

impl FinishedBody {
    /// The index knows it now. Called under the lock of the index, so that a sweep finds it in one of the two.
    pub(crate) fn keep(mut self) {
        self.guard.left = Left::Nothing;
    }
}

struct OnItsWay {
    shelf: Shelf,
    blob: BlobId,
    left: Left,
}

/// Whether something has to be removed when a body's way ends.
enum Left {
    Nothing,
    Perhaps,
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if matches!(self.left, Left::Perhaps) {
            self.shelf.unpinned(self.blob);
        }
        self.shelf.on_their_way().remove(&self.blob);
    }
}
