//! Entries read back by sequence: what a delivery stream gathers when it writes an object.
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use crate::block::{Entries, Place};
use crate::segment::{self, BlockAt};
use crate::{Journal, JournalError, Sequence};

impl Journal {
    /// Hands over the entries in `range`, in order, opening one block at a time. Blocks the thread; the entries must be
    /// durable and not yet dropped.
    pub fn read(&self, range: RangeInclusive<u64>, visit: &mut dyn FnMut(Sequence, &[u8])) -> Result<(), JournalError> {
        let (from, to) = (*range.start(), *range.end());
        let mut next = from;
        let mut buffer = Vec::new();
        for (number, segment) in self.shared.segments.holding(from, to) {
            let blocks: Vec<(u32, BlockAt)> = {
                let blocks = segment.blocks();
                let begin = blocks.partition_point(|block| block.first <= from).saturating_sub(1);
                let end = blocks.partition_point(|block| block.first <= to);
                (begin..end).map(|at| (at as u32, blocks[at])).collect()
            };
            for (index, at) in blocks {
                buffer.resize(at.length as usize, 0);
                let read = segment.file.read_exact_at(&mut buffer, at.offset);
                read.map_err(JournalError::io("read", &segment.path))?;
                let place = Place { segment: number, index, offset: at.offset };
                let plain = segment.key.open(place, &mut buffer).ok_or_else(|| JournalError::Damaged {
                    path: segment.path.clone(),
                    offset: at.offset,
                    found: "a block does not open",
                })?;
                for (sequence, entry) in Entries::new(plain, at.first) {
                    if range.contains(&sequence.0) && sequence.0 >= next {
                        visit(sequence, entry);
                        next = sequence.0 + 1;
                    }
                }
            }
        }
        if next <= to { Err(JournalError::Gone(Sequence(next))) } else { Ok(()) }
    }

    /// Everything before `keep_from` is not needed any more: whole segments of it are removed.
    pub fn drop_before(&self, keep_from: Sequence) -> Result<(), JournalError> {
        let unneeded = self.shared.segments.take_before(keep_from.0);
        for path in &unneeded {
            std::fs::remove_file(path).map_err(JournalError::io("remove", path))?;
        }
        unneeded.last().map_or(Ok(()), |path| segment::sync_directory(path))
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.shared.segments.bytes()
    }

    /// Syncs what was written: what a relaxed journal leaves to somebody who does it now and then. Blocks the thread.
    pub fn sync_written(&self) -> Result<(), JournalError> {
        let written = self.shared.durable.load(Ordering::Acquire);
        if written <= self.shared.synced.load(Ordering::Acquire) {
            return Ok(());
        }
        for segment in self.shared.segments.newest() {
            segment.file.sync_data().map_err(JournalError::io("sync", &segment.path))?;
        }
        self.shared.synced.fetch_max(written, Ordering::AcqRel);
        Ok(())
    }

    /// Where the newest segments begin that have at most `bytes_max` bytes together: what [`Journal::drop_before`] is told by whoever
    /// bounds a journal. `None` if all have no more.
    pub fn first_within(&self, bytes_max: u64) -> Option<Sequence> {
        self.shared.segments.first_within(bytes_max).map(Sequence)
    }

    /// Ends the writer after what is queued; later appends are refused.
    pub fn close(&self) {
        self.shared.queue.close();
    }
}
