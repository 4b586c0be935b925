//! Bodies in memory, for tests: gone with the process.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_objects::BlobId;

use super::{Bodies, Listing, NewBody, StoredBody, cut_short, missing};
use crate::StoreError;

/// A place in memory. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<BlobId, Arc<[u8]>>>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<BlobId, Arc<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bodies for Memory {
    fn begin(&self, blob: BlobId) -> Result<Box<dyn NewBody>, StoreError> {
        Ok(Box::new(Growing { memory: self.clone(), blob, bytes: Vec::new() }))
    }

    fn open(&self, blob: BlobId) -> Result<Box<dyn StoredBody>, StoreError> {
        let bytes = self.lock().get(&blob).cloned().ok_or_else(|| missing(blob))?;
        Ok(Box::new(Whole { blob, bytes }))
    }

    fn remove(&self, blob: BlobId) {
        self.lock().remove(&blob);
    }

    fn list(&self) -> Result<Listing, StoreError> {
        Ok(Listing { bodies: self.lock().keys().copied().collect(), others: Vec::new() })
    }
}

struct Growing {
    memory: Memory,
    blob: BlobId,
    bytes: Vec<u8>,
}

impl NewBody for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.memory.lock().insert(self.blob, self.bytes.into());
        Ok(())
    }
}

struct Whole {
    blob: BlobId,
    bytes: Arc<[u8]>,
}

impl StoredBody for Whole {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..));
        let read = rest.and_then(|rest| rest.get(..buffer.len())).ok_or_else(|| cut_short(self.blob))?;
        buffer.copy_from_slice(read);
        Ok(())
    }
}
