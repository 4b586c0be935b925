//! Bodies being read stay: one that is replaced or deleted meanwhile is removed when its last reader is done.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_objects::BlobId;

use crate::shelf::Shelf;

#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<Mutex<HashMap<BlobId, Pinned>>>);

#[derive(Debug, Default)]
struct Pinned {
    readers: usize,
    doomed: bool,
}

impl Pins {
    fn lock(&self) -> MutexGuard<'_, HashMap<BlobId, Pinned>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pin(&self, shelf: Shelf, blobs: Vec<BlobId>) -> Pin {
        let mut pinned = self.lock();
        blobs.iter().for_each(|blob| pinned.entry(*blob).or_default().readers += 1);
        drop(pinned);
        Pin { pins: self.clone(), shelf, blobs }
    }

    /// Whether somebody reads it; then it is removed by whoever reads it last.
    pub(crate) fn doom(&self, blob: BlobId) -> bool {
        self.lock().get_mut(&blob).map(|pinned| pinned.doomed = true).is_some()
    }
}

/// Keeps the bodies of one object until dropped.
#[derive(Debug)]
pub(crate) struct Pin {
    pins: Pins,
    shelf: Shelf,
    blobs: Vec<BlobId>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut doomed = Vec::new();
        let mut pinned = self.pins.lock();
        for blob in &self.blobs {
            let Some(entry) = pinned.get_mut(blob) else { continue };
            entry.readers -= 1;
            if entry.readers == 0 {
                doomed.extend(pinned.remove(blob).filter(|entry| entry.doomed).map(|_| *blob));
            }
        }
        drop(pinned);
        doomed.into_iter().for_each(|blob| self.shelf.unpinned(blob));
    }
}
