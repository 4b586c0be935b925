//! The journal: the one thing on the way to an acknowledgement.
//!
//! Receives entries (bytes it does not interpret) from everybody who promises something; hands back a [`Sequence`],
//! and says when everything up to it is on the disk. Many entries share one `fdatasync` (group commit). What lies on
//! the disk is sealed: `docs/format/journal.md`.
//!
//! In reading order:
mod block; // many entries sealed as one unit: the format's atom
mod segment; // a file of blocks under one data key
mod queue; // entries waiting for the writer, bounded
mod writer; // the thread that seals, writes and syncs
mod recover; // what a start finds, and how a torn tail is told from damage
mod read; // entries read back by sequence
mod snapshot; // the shortest list of entries that folds to the same state
mod error; // what can go wrong between an entry and the disk

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use sekisho_kms::RootKey;

pub use block::ENTRY_BYTES_MAX;
pub use error::JournalError;
pub use recover::{Recovery, Replayed};

use crate::queue::Queue;
use crate::segment::Segments;

/// An entry's place in the total order; the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// When an entry counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: a power cut loses nothing that was acknowledged.
    #[default]
    Strict,
    /// After `write`: a crash of the process loses nothing, a power cut may lose the last seconds.
    Relaxed,
}

/// How a journal's files grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What its threads and figures are called.
    pub name: &'static str,
    /// A segment's file is this long.
    pub segment_bytes: u64,
    /// The first segment of a run is filled this far only, so that a start does not wait for the disk.
    pub first_filled_bytes: u64,
    /// Left on the disk by the journal for others.
    pub disk_reserve_bytes: u64,
}

impl Layout {
    /// Of the journal that everything acknowledged is in.
    pub const JOURNAL: Self = Self {
        name: "journal",
        // Twice what a busy broker writes in a second: few files, and little to zero-fill ahead.
        segment_bytes: 32 * 1024 * 1024,
        first_filled_bytes: 1024 * 1024,
        // For the objects and the snapshot that let it shrink again: the largest object and more.
        disk_reserve_bytes: 160 * 1024 * 1024,
    };
}

/// A handle on the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    directory: PathBuf,
    root_key: RootKey,
    durability: Durability,
    layout: Layout,
    queue: Queue,
    segments: Segments,
    /// Everything up to here is durable.
    durable: AtomicU64,
    /// Everything up to here is synced; strict, it is what is durable.
    synced: AtomicU64,
    waiters: queue::Waiters,
    /// Held so that no second server writes here.
    _lock: std::fs::File,
}

impl Journal {
    /// Adds an entry to the order. It is durable once [`Journal::durable`] has reached the sequence returned.
    ///
    /// Never blocks on the disk. Producers that can wait call [`Journal::poll_queue_room`] first; the few that cannot (a
    /// decision already made) are admitted above the bound.
    ///
    /// # Errors
    /// [`JournalError::Failed`] once the disk has refused a write: nothing is promised any more. [`JournalError::TooLarge`] for
    /// more than [`ENTRY_BYTES_MAX`]: that entry is not there, and the journal goes on.
    pub fn append(&self, entry: &[u8]) -> Result<Sequence, JournalError> {
        self.shared.queue.push(entry)
    }

    /// Everything up to this sequence survives.
    pub fn durable(&self) -> Sequence {
        Sequence(self.shared.durable.load(Ordering::Acquire))
    }

    /// Ready once everything up to `sequence` is durable. Wakes the task once; `registered` remembers that between polls
    /// and belongs to the polling task alone.
    pub fn poll_durable(
        &self,
        context: &mut Context<'_>,
        sequence: Sequence,
        registered: &mut Sequence,
    ) -> Poll<Result<(), JournalError>> {
        if self.durable() >= sequence {
            return Poll::Ready(Ok(()));
        }
        if *registered <= self.durable() {
            self.shared.waiters.register(sequence, context.waker());
            *registered = sequence;
            if self.durable() >= sequence {
                return Poll::Ready(Ok(()));
            }
        }
        if self.shared.queue.failed() { Poll::Ready(Err(JournalError::Failed)) } else { Poll::Pending }
    }

    /// Waits until everything up to `sequence` is durable.
    pub async fn wait_durable(&self, sequence: Sequence) -> Result<(), JournalError> {
        let mut registered = Sequence(0);
        std::future::poll_fn(|context| self.poll_durable(context, sequence, &mut registered)).await
    }

    /// Whether the queue has room: the answer to "and then?" is to stop reading from the producer until it has.
    pub fn poll_queue_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.queue.poll_room(context, false)
    }

    /// Whether the disk has room too: for a producer that was told "later", and can wait.
    pub fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.queue.poll_room(context, true)
    }

    /// Whether a producer that can be told "later" should be.
    pub fn has_room(&self) -> bool {
        self.shared.queue.has_room()
    }

    /// Whether the queue alone has room: for changes that are small, and for those that make room on the disk.
    pub fn queue_has_room(&self) -> bool {
        self.shared.queue.has_queue_room()
    }

    /// Whether the disk has no room for more: what can go from it should go now.
    pub fn is_disk_full(&self) -> bool {
        self.shared.queue.is_disk_full()
    }

    /// Resolves when the disk has failed the journal; the server stops then, because it can promise nothing more.
    pub async fn failed(&self) {
        let _ = self.wait_durable(Sequence(u64::MAX)).await;
    }
}

#[cfg(test)]
mod tests;
