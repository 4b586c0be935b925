//! Entries on their way to the writer, and the tasks that wait for them.
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::block::{BLOCK_BYTES, Builder, ENTRY_BYTES_MAX};
use crate::{JournalError, Sequence};

/// Bytes that may wait for the disk. And then: producers are not read from until half of it is written.
pub(crate) const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Default)]
struct Waiting {
    blocks: Vec<Builder>,
    bytes: usize,
    next: u64,
    writer_sleeps: bool,
    failed: bool,
    closed: bool,
    /// What the disk has no room for.
    disk_full: [bool; 2],
    /// By what they wake, so that a crowd that is pushed back does not look through itself each time one of it is polled.
    for_room: HashMap<usize, Waker>,
}

/// What the disk has no room for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Full {
    /// The next segment.
    ForSegments,
    /// The next block of one that grows as it is written.
    ForBlocks,
}

pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    work: Condvar,
}

impl Waiting {
    fn has_room(&self) -> bool {
        self.bytes < QUEUE_BYTES_MAX && !self.is_disk_full()
    }

    fn is_disk_full(&self) -> bool {
        self.disk_full.contains(&true)
    }

    fn take_waiters(&mut self) -> HashMap<usize, Waker> {
        if self.bytes <= QUEUE_BYTES_MAX / 2 { std::mem::take(&mut self.for_room) } else { HashMap::new() }
    }
}

impl Queue {
    pub fn new(next: u64) -> Self {
        Self { waiting: Mutex::new(Waiting { next, ..Waiting::default() }), work: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, entry: &[u8]) -> Result<Sequence, JournalError> {
        let length = entry.len();
        if length > ENTRY_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes: length });
        }
        let mut waiting = self.lock();
        if waiting.failed || waiting.closed {
            return Err(JournalError::Failed);
        }
        let sequence = waiting.next;
        waiting.next += 1;
        if waiting.blocks.last().is_none_or(|block| block.len() + length > BLOCK_BYTES) {
            waiting.blocks.push(Builder::new(sequence));
        }
        waiting.blocks.last_mut().expect("one was just pushed").push(entry);
        waiting.bytes += length;
        if std::mem::take(&mut waiting.writer_sleeps) {
            drop(waiting);
            self.work.notify_one();
        }
        Ok(Sequence(sequence))
    }

    /// Blocks until there is something to write; `false` once closed and empty.
    pub fn wait(&self) -> bool {
        let mut waiting = self.lock();
        while waiting.blocks.is_empty() {
            if waiting.closed {
                return false;
            }
            waiting.writer_sleeps = true;
            waiting = self.work.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// All that waits to be written.
    pub fn take(&self) -> Vec<Builder> {
        std::mem::take(&mut self.lock().blocks)
    }

    /// `bytes` of entries have left for the disk.
    pub fn written(&self, bytes: usize) {
        let mut waiting = self.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        let wakers = waiting.take_waiters();
        drop(waiting);
        wakers.into_values().for_each(Waker::wake);
    }

    /// The disk has no room, or has it again. Producers are pushed back while the present segment still
    /// has room for what helps to drain.
    pub fn set_disk_full(&self, what: Full, full: bool) {
        let mut waiting = self.lock();
        waiting.disk_full[what as usize] = full;
        let wakers = waiting.take_waiters();
        drop(waiting);
        wakers.into_values().for_each(Waker::wake);
    }

    pub fn is_disk_full(&self) -> bool {
        self.lock().is_disk_full()
    }

    pub fn has_room(&self) -> bool {
        self.lock().has_room()
    }

    pub fn has_queue_room(&self) -> bool {
        self.lock().bytes < QUEUE_BYTES_MAX
    }

    pub fn poll_room(&self, context: &mut Context<'_>, on_disk: bool) -> Poll<()> {
        let mut waiting = self.lock();
        if waiting.bytes < QUEUE_BYTES_MAX && !(on_disk && waiting.is_disk_full()) || waiting.failed {
            return Poll::Ready(());
        }
        let task = context.waker().data().addr();
        if !waiting.for_room.get(&task).is_some_and(|waker| waker.will_wake(context.waker())) {
            waiting.for_room.insert(task, context.waker().clone());
        }
        Poll::Pending
    }

    pub fn fail(&self) {
        let mut waiting = self.lock();
        waiting.failed = true;
        let wakers = std::mem::take(&mut waiting.for_room);
        drop(waiting);
        wakers.into_values().for_each(Waker::wake);
    }

    pub fn failed(&self) -> bool {
        self.lock().failed
    }

    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The writer finishes what is queued and ends.
    pub fn close(&self) {
        self.lock().closed = true;
        self.work.notify_one();
    }
}

/// Tasks that wait for a sequence to become durable.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<Vec<(Sequence, Waker)>>);

impl Waiters {
    pub fn register(&self, sequence: Sequence, waker: &Waker) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((sequence, waker.clone()));
    }

    /// Wakes everybody who waits for `durable` or earlier.
    pub fn wake(&self, durable: Sequence, ready: &mut Vec<Waker>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = 0;
        while at < waiting.len() {
            if waiting[at].0 <= durable {
                ready.push(waiting.swap_remove(at).1);
            } else {
                at += 1;
            }
        }
        drop(waiting);
        ready.drain(..).for_each(Waker::wake);
    }
}
