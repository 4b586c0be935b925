//! What a start finds on the disk.
//!
//! A crash may tear only what was never acknowledged: the last blocks written. So a block that does not open ends the
//! segment; it is damage, and not a torn tail, if something later proves that it had been durable: the next segment
//! begins after it, or a block behind it says so.
use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use sekisho_kms::RootKey;

use crate::block::{self, Entries, Place};
use crate::segment::{self, BlockAt, HEADER_BYTES, Header, Segment, Segments};
use crate::{Durability, Journal, JournalError, Layout, Sequence, Shared, queue, writer};

/// Beside a running server, how often a place is looked at before it is called damaged.
const LOOKS_MAX: u32 = 4;
/// How many broken blocks in a row are looked past for the proof that they had been durable.
const LOST_BLOCKS_MAX: u32 = 64;

/// A journal that is being read back; [`Recovery::start`] makes it the live one.
pub struct Recovery {
    directory: PathBuf,
    root_key: RootKey,
    /// `None` for who only looks.
    lock: Option<File>,
    segments: BTreeMap<u64, (PathBuf, Header)>,
    read: Segments,
    last: u64,
}

/// What [`Recovery::replay`] read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Entries handed over.
    pub entries: u64,
    /// Bytes of a write that a crash had torn; they were never acknowledged.
    pub torn_blocks: u64,
}

impl Recovery {
    /// Opens `directory` (made if absent) for this process alone. Reads headers only and changes nothing but the lock,
    /// so a wrong root key is found before anything is touched.
    pub fn open(directory: &Path, root_key: &RootKey) -> Result<Self, JournalError> {
        fs::create_dir_all(directory).map_err(JournalError::io("create", directory))?;
        let lock = Self::lock(directory)?;
        Ok(Self { lock: Some(lock), ..Self::look(directory, root_key)? })
    }

    fn lock(directory: &Path) -> Result<File, JournalError> {
        let lock_path = directory.join("lock");
        let lock = File::create(&lock_path).map_err(JournalError::io("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(lock),
            Err(TryLockError::WouldBlock) => Err(JournalError::InUse { path: lock_path }),
            Err(TryLockError::Error(source)) => Err(JournalError::io("lock", &lock_path)(source)),
        }
    }

    /// Opens `directory` to read what is there, though a server may be writing to it: its last blocks may look torn. It
    /// cannot be started.
    pub fn look(directory: &Path, root_key: &RootKey) -> Result<Self, JournalError> {
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(JournalError::io("list", directory))? {
            let path = entry.map_err(JournalError::io("list", directory))?.path();
            if path.extension().is_none_or(|extension| extension != "segment") {
                continue;
            }
            let header = read_header(&path)?;
            if header.key(root_key).is_none() {
                return Err(JournalError::RootKey { path });
            }
            segments.insert(header.number, (path, header));
        }
        let directory = directory.to_path_buf();
        Ok(Self { directory, root_key: root_key.clone(), lock: None, segments, read: Segments::default(), last: 0 })
    }

    /// Whether anything was ever written here.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Passes over all segments but the last that holds anything: [`Recovery::replay`] begins there.
    pub fn pass_to_last(&mut self) -> Result<(), JournalError> {
        // The very last may be empty; one whose successor begins later is not.
        let firsts: Vec<(u64, u64)> =
            self.segments.iter().map(|(number, (_, header))| (*number, header.first)).collect();
        let holds_some = |pair: &&[(u64, u64)]| pair[0].1 < pair[1].1;
        let Some(begin) = firsts.windows(2).rfind(holds_some).map(|pair| pair[0].0) else { return Ok(()) };
        let rest = self.segments.split_off(&begin);
        for (number, (path, header)) in std::mem::replace(&mut self.segments, rest) {
            let segment = self.readable(path, &header)?;
            self.read.insert(number, Arc::new(segment), header.first);
        }
        Ok(())
    }

    fn readable(&self, path: PathBuf, header: &Header) -> Result<Segment, JournalError> {
        let key = header.key(&self.root_key).ok_or_else(|| JournalError::RootKey { path: path.clone() })?;
        let file = File::open(&path).map_err(JournalError::io("open", &path))?;
        Ok(Segment { path, file, key, blocks: Mutex::default() })
    }

    /// Hands over every entry still on the disk, in order.
    pub fn replay(&mut self, visit: &mut dyn FnMut(Sequence, &[u8])) -> Result<Replayed, JournalError> {
        let mut replayed = Replayed::default();
        for (number, (path, header)) in std::mem::take(&mut self.segments) {
            if self.last != 0 && header.first != self.last + 1 {
                let missing = (Sequence(self.last + 1), Sequence(header.first - 1));
                return Err(JournalError::Missing { path, from: missing.0, to: missing.1 });
            }
            let segment = match self.readable(path, &header) {
                // The oldest may go beside a running server.
                Err(JournalError::Io { source, .. })
                    if self.lock.is_none() && self.last == 0 && source.kind() == std::io::ErrorKind::NotFound =>
                {
                    continue;
                }
                segment => segment?,
            };
            self.last = header.first - 1;
            self.replay_segment(number, &segment, &mut replayed, visit)?;
            self.read.insert(number, Arc::new(segment), header.first);
        }
        Ok(replayed)
    }

    fn replay_segment(
        &mut self,
        number: u64,
        segment: &Segment,
        replayed: &mut Replayed,
        visit: &mut dyn FnMut(Sequence, &[u8]),
    ) -> Result<(), JournalError> {
        let mut blocks = Blocks { segment, number, offset: HEADER_BYTES, index: 0 };
        let (mut buffer, mut looks) = (Vec::new(), 1);
        loop {
            let header = blocks.header()?;
            let follows = header.as_ref().is_some_and(|header| header.first == self.last + 1);
            let at = blocks.offset;
            let opened = match header.as_ref().filter(|_| follows) {
                Some(header) => blocks.open(header, &mut buffer)?,
                None => None,
            };
            if let (Some(header), Some(plain)) = (&header, opened) {
                for (sequence, entry) in Entries::new(plain, header.first) {
                    visit(sequence, entry);
                    replayed.entries += 1;
                }
                self.last = header.last();
                segment.blocks().push(BlockAt { first: header.first, offset: at, length: blocks.length(header) });
                continue;
            }
            match blocks.refuse_damage(self.last) {
                // Beside a running server, what did not open a moment ago may.
                Err(JournalError::Damaged { .. }) if self.lock.is_none() && looks < LOOKS_MAX => looks += 1,
                ended => {
                    replayed.torn_blocks += u64::from(header.is_some());
                    return ended;
                }
            }
        }
    }

    /// The live journal. It begins a segment of its own: none is ever written to again, so that no nonce repeats.
    /// `at_least` is a sequence that was handed out before, though its segment may be gone (a snapshot's).
    pub fn start(self, durability: Durability, layout: Layout, at_least: Sequence) -> Result<Journal, JournalError> {
        let lock = self.lock.ok_or_else(|| JournalError::InUse { path: self.directory.join("lock") })?;
        for slot in 0..2 {
            let _ = fs::remove_file(self.directory.join(format!("prepared-{slot}")));
        }
        let last = self.last.max(at_least.0);
        let next_number = self.read.last_number().map_or(1, |number| number + 1);
        let shared = Arc::new(Shared {
            directory: self.directory,
            root_key: self.root_key,
            durability,
            layout,
            queue: queue::Queue::new(last + 1),
            segments: self.read,
            durable: AtomicU64::new(last),
            synced: AtomicU64::new(last),
            waiters: queue::Waiters::default(),
            _lock: lock,
        });
        writer::start(shared.clone(), next_number);
        Ok(Journal { shared })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn root_key(&self) -> &RootKey {
        &self.root_key
    }
}

fn read_header(path: &Path) -> Result<Header, JournalError> {
    let file = File::open(path).map_err(JournalError::io("open", path))?;
    let mut page = vec![0; HEADER_BYTES as usize];
    file.read_exact_at(&mut page, 0).map_err(JournalError::io("read", path))?;
    let damaged = JournalError::Damaged { path: path.into(), offset: 0, found: "no segment header" };
    Header::decode(&page)
        .filter(|header| *path == segment::path_of(path.parent().unwrap_or(path), header.number))
        .ok_or(damaged)
}

/// A walk over the blocks of a segment.
struct Blocks<'a> {
    segment: &'a Segment,
    number: u64,
    offset: u64,
    index: u32,
}

impl Blocks<'_> {
    fn length(&self, header: &block::Header) -> u32 {
        block::HEADER_BYTES as u32 + header.sealed
    }

    /// The header at the present offset, if a block begins there.
    fn header(&self) -> Result<Option<block::Header>, JournalError> {
        let mut bytes = [0; block::HEADER_BYTES];
        let read = read_up_to(&self.segment.file, &mut bytes, self.offset);
        let read = read.map_err(JournalError::io("read", &self.segment.path))?;
        Ok(block::Header::decode(&bytes[..read]))
    }

    /// Opens the block and steps over it; `None` (and no step) if it does not open.
    fn open<'b>(&mut self, header: &block::Header, buffer: &'b mut Vec<u8>) -> Result<Option<&'b [u8]>, JournalError> {
        let length = self.length(header) as usize;
        buffer.resize(length, 0);
        let read = read_up_to(&self.segment.file, buffer, self.offset);
        let read = read.map_err(JournalError::io("read", &self.segment.path))?;
        let place = Place { segment: self.number, index: self.index, offset: self.offset };
        let Some(plain) = self.segment.key.open(place, &mut buffer[..read]) else { return Ok(None) };
        self.offset += length as u64;
        self.index += 1;
        Ok(Some(plain))
    }

    /// The segment ends here, or something is broken here. Looks for a block further on that proves the latter: one that
    /// opens and was written when more than `last` had been durable.
    fn refuse_damage(&self, last: u64) -> Result<(), JournalError> {
        let mut rest = Vec::new();
        let mut file = &self.segment.file;
        let read = file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.read_to_end(&mut rest));
        read.map_err(JournalError::io("read", &self.segment.path))?;
        for at in memchr::memmem::find_iter(&rest, block::MAGIC_BYTES) {
            let Some(header) = block::Header::decode(&rest[at..]).filter(|header| header.durable_before > last) else {
                continue;
            };
            let Some(sealed) = rest.get(at..at + self.length(&header) as usize) else { continue };
            let offset = self.offset + at as u64;
            let opens = (self.index..self.index.saturating_add(LOST_BLOCKS_MAX)).any(|index| {
                let place = Place { segment: self.number, index, offset };
                self.segment.key.open(place, &mut sealed.to_vec()).is_some()
            });
            if opens {
                let path = self.segment.path.clone();
                let found = "a block that was durable does not open";
                return Err(JournalError::Damaged { path, offset: self.offset, found });
            }
        }
        Ok(())
    }
}

pub(crate) fn read_up_to(file: &File, out: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut read = 0;
    while read < out.len() {
        match file.read_at(&mut out[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}
