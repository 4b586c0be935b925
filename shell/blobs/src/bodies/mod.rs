//! Where bodies lie: files, memory, or objects of another S3. Sealed bytes under random ids; what they are, the index knows.
mod directory; // files: the default
mod elsewhere; // objects of another S3
mod memory; // nothing that lasts

use std::fmt;

use sekisho_objects::BlobId;

use crate::StoreError;

pub use directory::Directory;
pub use elsewhere::{Elsewhere, Told};
pub use memory::Memory;

/// A place for bodies. Everything here may block: on the disk, or on a network. `contract.rs` says what a place promises, and is
/// run against each.
pub trait Bodies: fmt::Debug + Send + Sync {
    /// Begins a body. Its id is new, and nobody reads it before it is finished.
    ///
    /// # Errors
    /// [`StoreError::Io`], [`StoreError::Elsewhere`], [`StoreError::Busy`].
    fn begin(&self, blob: BlobId) -> Result<Box<dyn NewBody>, StoreError>;

    /// Opens a finished body.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is not there; as [`Bodies::begin`].
    fn open(&self, blob: BlobId) -> Result<Box<dyn StoredBody>, StoreError>;

    /// Removes a body, now or soon, and does not wait for it: blocks on nothing but a disk. If that fails, or a crash comes first,
    /// a later sweep does it.
    fn remove(&self, blob: BlobId);

    /// Every body that lies here, finished or not, and what is not named like one.
    ///
    /// # Errors
    /// As [`Bodies::begin`].
    fn list(&self) -> Result<Listing, StoreError>;

    /// Removes what was never finished and is not listed as a body. Answers how much that was. Only at start.
    ///
    /// # Errors
    /// As [`Bodies::begin`].
    fn remove_leftovers(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// A body being written. Dropped before it is finished, nothing of it stays.
pub trait NewBody: Send {
    /// Appends.
    ///
    /// # Errors
    /// As [`Bodies::begin`].
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError>;

    /// Makes it durable.
    ///
    /// # Errors
    /// As [`Bodies::begin`]. It may be there all the same; whoever is told so removes it.
    fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// A finished body.
pub trait StoredBody: Send {
    /// How long it is.
    fn length(&self) -> u64;

    /// Fills the buffer with what lies from `offset` on.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if that is less; as [`Bodies::begin`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), StoreError>;
}

/// What lies in a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Bodies.
    pub bodies: Vec<BlobId>,
    /// Names of what somebody else put there, or an earlier version left unfinished.
    pub others: Vec<String>,
}

/// `<2 hex>/<32 hex>`
fn name(blob: BlobId) -> String {
    let name = blob.to_string();
    format!("{}/{name}", &name[..2])
}

/// Reads what [`name`] wrote, and nothing else.
fn parse_name(text: &str) -> Option<BlobId> {
    let blob = BlobId::parse(text.split_once('/')?.1)?;
    (name(blob) == text).then_some(blob)
}

fn missing(blob: BlobId) -> StoreError {
    StoreError::Damaged { blob, found: "it is missing" }
}

fn cut_short(blob: BlobId) -> StoreError {
    StoreError::Damaged { blob, found: "it is cut short" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_read() {
        let blob = BlobId::from_bytes([0xab; 16]);
        assert_eq!(name(blob), format!("ab/{}", "ab".repeat(16)));
        assert_eq!(parse_name(&name(blob)), Some(blob));
        for other in ["", "ab", "ab/ab", &format!("cd/{}", "ab".repeat(16)), &format!("AB/{}", "AB".repeat(16))] {
            assert_eq!(parse_name(other), None, "{other}");
        }
        for (before, behind) in [("/", ""), ("", "/"), ("x/", ""), ("", "x")] {
            assert_eq!(parse_name(&format!("{before}{}{behind}", name(blob))), None);
        }
    }
}
