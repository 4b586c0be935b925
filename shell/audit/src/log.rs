//! The live record.
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sekisho_chain::{ChainError, Dropped, Link, Record};
use sekisho_journal::{Durability, Journal, JournalError, Layout, Recovery, Sequence};
use sekisho_kms::RootKey;
use sekisho_types::Timestamp;

use crate::read::{files_key, follow};

/// Small files, so that the oldest can go one by one, and a start reads little; and no room left for others, because the
/// others leave some.
const LAYOUT: Layout =
    Layout { name: "audit", segment_bytes: 4 * 1024 * 1024, first_filled_bytes: 1024 * 1024, disk_reserve_bytes: 0 };

/// How long the note that old entries go is waited for: a second in all.
const WAIT: Duration = Duration::from_millis(10);
const WAITS_MAX: u32 = 100;

/// The record, open to be appended to.
pub struct AuditLog {
    journal: Journal,
    head: Mutex<Link>,
    bytes_max: u64,
}

/// Why the record cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The files.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The entries.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

impl AuditLog {
    /// Opens the record in `directory`, made if absent, to go on where it ended. Of `bytes_max` bytes and more, the oldest go.
    ///
    /// # Errors
    /// [`AuditError`]: what is there cannot be read, or another server has it open.
    pub fn open(directory: &Path, root_key: &RootKey, bytes_max: u64) -> Result<Self, AuditError> {
        let mut recovery = Recovery::open(directory, &files_key(root_key))?;
        recovery.pass_to_last()?;
        let head = follow(&mut recovery, &mut |_, _| {})?.head();
        // A call that is not answered need not be recorded; one that is answered is in the hands of the operating system.
        let journal = recovery.start(Durability::Relaxed, LAYOUT, Sequence(head.number))?;
        Ok(Self { journal, head: Mutex::new(head), bytes_max })
    }

    /// Adds a record. It is written once [`AuditLog::written`] says so.
    ///
    /// # Errors
    /// [`JournalError::Failed`] once the disk has refused a write.
    pub fn append(&self, record: &Record<'_>) -> Result<Sequence, JournalError> {
        let record = record.encode();
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = head.entry(&record);
        let sequence = self.journal.append(&entry)?;
        *head = Link::of(sequence.0, &entry);
        Ok(sequence)
    }

    /// Waits until everything up to `sequence` is written.
    ///
    /// # Errors
    /// As [`AuditLog::append`].
    pub async fn written(&self, sequence: Sequence) -> Result<(), JournalError> {
        self.journal.wait_durable(sequence).await
    }

    #[cfg(test)]
    pub(crate) fn is_written(&self, sequence: Sequence) -> bool {
        self.journal.durable() >= sequence
    }

    /// Whether there is room for the record of one more call. And then: no call is taken, because it could not be recorded.
    pub fn has_room(&self) -> bool {
        self.journal.queue_has_room()
    }

    /// The last entry. Whoever notes it down elsewhere can prove later that nothing up to it was changed.
    pub fn head(&self) -> Link {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called every second or so: syncs what was written, and removes the oldest entries beyond the bound, or whose
    /// room is needed because the disk is full; that they went stands in the record then. Blocks the thread.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn tend(&self, now: Timestamp) -> Result<(), JournalError> {
        self.journal.sync_written()?;
        let full = self.journal.is_disk_full();
        let bytes_max = if full { self.journal.bytes().saturating_sub(1) } else { self.bytes_max };
        let Some(keep_from) = self.journal.first_within(bytes_max) else { return Ok(()) };
        let place = self.append(&Record::Dropped(Dropped { time: now, up_to: keep_from.0 - 1 }))?;
        // Else a crash in between would look as if somebody had taken them away. On a full disk there is no room for it yet.
        if !full {
            for _ in 0..WAITS_MAX {
                if self.journal.durable() >= place {
                    break;
                }
                std::thread::sleep(WAIT);
            }
            self.journal.sync_written()?;
        }
        self.journal.drop_before(keep_from)
    }

    /// Resolves when the disk has refused a write.
    pub fn failed(&self) -> impl Future<Output = ()> + use<> {
        let journal = self.journal.clone();
        async move { journal.failed().await }
    }

    /// Ends the record after what was appended.
    pub fn close(&self) {
        self.journal.close();
    }
}
