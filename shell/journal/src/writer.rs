//! The writer: takes what is queued, seals it, writes it, syncs it, and wakes who waited. One thread, one loop.
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::block::Place;
use crate::queue::{Full, Queue};
use crate::segment::{self, BlockAt, HEADER_BYTES, Header, Segment};
use crate::{Durability, JournalError, Sequence, Shared};

/// How long a full disk is waited for between two tries. Meanwhile producers are pushed back.
const FULL_DISK_RETRY: Duration = Duration::from_millis(250);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    current: Option<Current>,
    next_number: u64,
    prepared: Receiver<Result<(PathBuf, File), JournalError>>,
}

struct Current {
    segment: Arc<Segment>,
    number: u64,
    offset: u64,
    index: u32,
}

/// Starts the writer and the thread that keeps one zero-filled file ready for it.
pub(crate) fn start(shared: Arc<Shared>, next_number: u64) {
    let (ready, prepared) = sync_channel(0);
    let preparing = shared.clone();
    std::thread::Builder::new()
        .name(format!("{}-prepare", shared.layout.name))
        .spawn(move || prepare(&preparing, &ready))
        .expect("a thread can be started at start-up");
    let writer = Writer { shared: shared.clone(), current: None, next_number, prepared };
    std::thread::Builder::new()
        .name(shared.layout.name.into())
        .spawn(move || writer.run())
        .expect("a thread can be started at start-up");
}

fn prepare(shared: &Shared, ready: &SyncSender<Result<(PathBuf, File), JournalError>>) {
    for number in 0u64.. {
        let path = shared.directory.join(format!("prepared-{}", number % 2));
        // The first is small and asks for no reserve: a server starts on a full disk too, and drains it.
        let layout = shared.layout;
        let (filled, reserve) = match number {
            0 => (layout.first_filled_bytes, 0),
            _ => (layout.segment_bytes, layout.disk_reserve_bytes),
        };
        let mut full = false;
        let file = loop {
            let prepared = match free_bytes(&shared.directory) {
                Some(free) if free < filled + reserve => {
                    Err(JournalError::io("prepare", &path)(io::ErrorKind::StorageFull.into()))
                }
                Some(_) | None => segment::prepare(&path, filled),
            };
            match prepared {
                Err(JournalError::Io { source, .. }) if source.kind() == io::ErrorKind::StorageFull => {
                    let _ = std::fs::remove_file(&path);
                    if !std::mem::replace(&mut full, true) {
                        tracing::error!(path = %path.display(), "disk full: producers are pushed back until there is room");
                        shared.queue.set_disk_full(Full::ForSegments, true);
                    }
                    if shared.queue.is_closed() {
                        return;
                    }
                    std::thread::sleep(FULL_DISK_RETRY);
                }
                other => break other,
            }
        };
        if full {
            tracing::info!("there is room on the disk again");
            shared.queue.set_disk_full(Full::ForSegments, false);
        }
        if ready.send(file.map(|file| (path, file))).is_err() {
            return; // the writer has ended
        }
    }
}

/// What the file system has for us; `None` if it does not say.
fn free_bytes(directory: &std::path::Path) -> Option<u64> {
    let found = rustix::fs::statvfs(directory).ok()?;
    found.f_bavail.checked_mul(found.f_frsize)
}

impl Writer {
    fn run(mut self) {
        let shared = self.shared.clone();
        let mut ready = Vec::new();
        let syncs = metrics::counter!(format!("sekisho_{}_syncs_total", shared.layout.name));
        let written = metrics::counter!(format!("sekisho_{}_bytes_total", shared.layout.name));
        while shared.queue.wait() {
            // Who fills the queue goes first where processors are few: more entries share a sync (37 -> 180 on one).
            std::thread::yield_now();
            let blocks = shared.queue.take();
            let bytes = blocks.iter().map(crate::block::Builder::len).sum();
            let last = blocks.last().map_or(0, crate::block::Builder::last);
            if let Err(error) = self.write(blocks) {
                // After a failed sync the page cache may have dropped what it could not write: nothing can be promised.
                tracing::error!(error = &error as &dyn std::error::Error, "the journal has stopped");
                shared.queue.fail();
                shared.waiters.wake(Sequence(u64::MAX), &mut ready);
                return;
            }
            if shared.durability == Durability::Strict {
                shared.synced.store(last, Ordering::Release);
            }
            shared.durable.store(last, Ordering::Release);
            shared.queue.written(bytes);
            shared.waiters.wake(Sequence(last), &mut ready);
            syncs.increment(1);
            written.increment(bytes as u64);
        }
    }

    fn write(&mut self, blocks: Vec<crate::block::Builder>) -> Result<(), JournalError> {
        let mut unsynced: Option<Arc<Segment>> = None;
        for block in blocks {
            let length = block.sealed_len() as u64;
            if self.current.as_ref().is_none_or(|current| current.offset + length > self.shared.layout.segment_bytes) {
                if let Some(segment) = unsynced.take() {
                    self.sync(&segment)?;
                }
                self.roll(block.first)?;
            }
            let current = self.current.as_mut().expect("rolled above");
            // What is only written may be lost in any order by a power cut, and proves nothing.
            let durable_before = self.shared.synced.load(Ordering::Acquire);
            let place = Place { segment: current.number, index: current.index, offset: current.offset };
            let first = block.first;
            let sealed = block.seal(&current.segment.key, place, durable_before);
            write(&self.shared.queue, &current.segment, &sealed, current.offset)?;
            current.segment.blocks().push(BlockAt { first, offset: current.offset, length: length as u32 });
            current.offset += length;
            current.index += 1;
            unsynced = Some(current.segment.clone());
        }
        unsynced.map_or(Ok(()), |segment| self.sync(&segment))
    }

    fn sync(&self, segment: &Segment) -> Result<(), JournalError> {
        match self.shared.durability {
            Durability::Strict => segment.file.sync_data().map_err(JournalError::io("sync", &segment.path)),
            Durability::Relaxed => Ok(()),
        }
    }

    /// Begins a new segment with the entry `first`.
    fn roll(&mut self, first: u64) -> Result<(), JournalError> {
        if let Some(current) = &self.current {
            // A segment that begins where the one before does not end is damage, relaxed or not.
            current.segment.file.sync_data().map_err(JournalError::io("sync", &current.segment.path))?;
            self.shared.synced.fetch_max(first.saturating_sub(1), Ordering::AcqRel);
        }
        let (from, file) = self.prepared.recv().map_err(|_| JournalError::Failed)??;
        let number = self.next_number;
        let mut random = |out: &mut [u8]| aws_lc_rs::rand::fill(out).expect("the operating system gives randomness");
        let (header, key) = Header::new(number, first, &self.shared.root_key, &mut random);
        let path = segment::path_of(&self.shared.directory, number);
        segment::begin(&file, &from, &path, &header)?;
        let segment = Arc::new(Segment { path, file, key, blocks: Mutex::default() });
        self.shared.segments.insert(number, segment.clone(), first);
        self.current = Some(Current { segment, number, offset: HEADER_BYTES, index: 0 });
        self.next_number += 1;
        metrics::gauge!(format!("sekisho_{}_segments", self.shared.layout.name))
            .set(self.shared.segments.count() as f64);
        Ok(())
    }
}

/// Writes a block in its place. A full disk is waited for: the same bytes go to the same place once there is room, and
/// meanwhile the queue fills and producers are pushed back.
fn write(queue: &Queue, segment: &Segment, sealed: &[u8], offset: u64) -> Result<(), JournalError> {
    let mut full = false;
    loop {
        match segment.file.write_all_at(sealed, offset) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                if !std::mem::replace(&mut full, true) {
                    tracing::error!(path = %segment.path.display(), "disk full: writes wait until there is room");
                    queue.set_disk_full(Full::ForBlocks, true);
                }
                std::thread::sleep(FULL_DISK_RETRY);
            }
            written => {
                if full {
                    queue.set_disk_full(Full::ForBlocks, false);
                }
                return written.map_err(JournalError::io("write", &segment.path));
            }
        }
    }
}
