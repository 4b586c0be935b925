//! A segment: a file of blocks under one data key, filled with zeros beforehand so that a sync writes data only.
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sekisho_kms::RootKey;
use sekisho_types::{Random, SecretKey};

use crate::JournalError;
use crate::block::BlockKey;

/// Blocks begin here: a page for the header, so that no later write touches it.
pub(crate) const HEADER_BYTES: u64 = 4096;

const MAGIC: &[u8; 8] = b"SEKISHOJ";
const VERSION: u16 = 1;

/// The first page of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub number: u64,
    /// The sequence its first block begins with.
    pub first: u64,
    wrapped_key: Vec<u8>,
}

impl Header {
    /// A header with a fresh data key, and that key.
    pub fn new(number: u64, first: u64, root_key: &RootKey, random: &mut dyn Random) -> (Self, BlockKey) {
        let mut key = [0; 32];
        random.fill(&mut key);
        let key = SecretKey::new(key);
        let wrapped_key = root_key.wrap(&Self::aad(number, first), &key, random);
        (Self { number, first, wrapped_key }, BlockKey::new(&key))
    }

    fn aad(number: u64, first: u64) -> Vec<u8> {
        [b"sekisho journal segment".as_slice(), &number.to_le_bytes(), &first.to_le_bytes()].concat()
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut page = Vec::with_capacity(HEADER_BYTES as usize);
        page.extend_from_slice(MAGIC);
        page.extend_from_slice(&VERSION.to_le_bytes());
        page.extend_from_slice(&(self.wrapped_key.len() as u16).to_le_bytes());
        page.extend_from_slice(&[0; 4]);
        page.extend_from_slice(&self.number.to_le_bytes());
        page.extend_from_slice(&self.first.to_le_bytes());
        page.extend_from_slice(&self.wrapped_key);
        page.resize(HEADER_BYTES as usize, 0);
        page
    }

    pub fn decode(page: &[u8]) -> Option<Self> {
        let rest = page.strip_prefix(MAGIC.as_slice())?;
        let (version, rest) = rest.split_first_chunk::<2>()?;
        let (wrapped, rest) = rest.split_first_chunk::<2>()?;
        let (_, rest) = rest.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let (first, rest) = rest.split_first_chunk::<8>()?;
        let wrapped_key = rest.get(..u16::from_le_bytes(*wrapped) as usize)?.to_vec();
        let known = u16::from_le_bytes(*version) == VERSION;
        known.then(|| Self { number: u64::from_le_bytes(*number), first: u64::from_le_bytes(*first), wrapped_key })
    }

    /// The data key, if `root_key` is the one it was wrapped under.
    pub fn key(&self, root_key: &RootKey) -> Option<BlockKey> {
        let key = root_key.unwrap(&Self::aad(self.number, self.first), &self.wrapped_key).ok()?;
        Some(BlockKey::new(&key))
    }
}

/// Where a block begins in its segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockAt {
    pub first: u64,
    pub offset: u64,
    /// Header, ciphertext and tag.
    pub length: u32,
}

/// A segment that can be read.
pub(crate) struct Segment {
    pub path: PathBuf,
    pub file: File,
    pub key: BlockKey,
    /// In order; a block's index in here is its index in the segment.
    pub blocks: Mutex<Vec<BlockAt>>,
}

impl Segment {
    fn bytes(&self) -> u64 {
        self.file.metadata().map_or(0, |found| found.len())
    }

    pub fn blocks(&self) -> MutexGuard<'_, Vec<BlockAt>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The segments on disk by the first sequence each may hold.
#[derive(Default)]
pub(crate) struct Segments(Mutex<BTreeMap<u64, (u64, Arc<Segment>)>>);

impl Segments {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (u64, Arc<Segment>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn insert(&self, number: u64, segment: Arc<Segment>, first: u64) {
        self.lock().insert(number, (first, segment));
    }

    /// Segments that may hold a sequence in `from..=to`, in order, with their numbers.
    pub fn holding(&self, from: u64, to: u64) -> Vec<(u64, Arc<Segment>)> {
        let all = self.lock();
        let numbers: Vec<(u64, u64)> = all.iter().map(|(number, (first, _))| (*number, *first)).collect();
        let mut found = Vec::new();
        for (at, (number, first)) in numbers.iter().enumerate() {
            let next_first = numbers.get(at + 1).map_or(u64::MAX, |(_, first)| *first);
            if *first <= to && next_first > from {
                found.push((*number, all[number].1.clone()));
            }
        }
        found
    }

    /// Takes out the segments that hold nothing at or after `keep_from`; the last segment always stays.
    pub fn take_before(&self, keep_from: u64) -> Vec<PathBuf> {
        let mut all = self.lock();
        let firsts: Vec<(u64, u64)> = all.iter().map(|(number, (first, _))| (*number, *first)).collect();
        let unneeded = firsts.windows(2).filter(|pair| pair[1].1 <= keep_from).map(|pair| pair[0].0);
        unneeded.filter_map(|number| all.remove(&number)).map(|(_, segment)| segment.path.clone()).collect()
    }

    /// The first sequence of the newest segments that have at most `bytes_max` bytes together; of the last one, at least. `None` if
    /// that is all of them.
    pub fn first_within(&self, bytes_max: u64) -> Option<u64> {
        let mut bytes = self.bytes();
        let all = self.lock();
        let mut kept = all.values();
        while bytes > bytes_max && kept.len() > 1 {
            bytes = bytes.saturating_sub(kept.next().map_or(0, |(_, segment)| segment.bytes()));
        }
        (kept.len() < all.len()).then(|| kept.next().map_or(0, |(first, _)| *first))
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.lock().values().map(|(_, segment)| segment.bytes()).sum()
    }

    /// The one that is written to and the one before it.
    pub fn newest(&self) -> Vec<Arc<Segment>> {
        self.lock().values().rev().take(2).map(|(_, segment)| segment.clone()).collect()
    }

    pub fn last_number(&self) -> Option<u64> {
        self.lock().keys().next_back().copied()
    }

    /// How many are on disk.
    pub fn count(&self) -> usize {
        self.lock().len()
    }
}

pub(crate) fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016x}.segment"))
}

/// Makes a file of `filled` zeros for a segment to come. It has no header yet, so a start that finds it removes it. Behind
/// the zeros it grows as it is written, which syncs more slowly.
pub(crate) fn prepare(path: &Path, filled: u64) -> Result<File, JournalError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(JournalError::io("create", path))?;
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..filled / zeros.len() as u64 {
        file.write_all(&zeros).map_err(JournalError::io("fill", path))?;
    }
    file.sync_all().map_err(JournalError::io("sync", path))?;
    Ok(file)
}

/// Writes the header, so that the file is a segment from now on.
pub(crate) fn begin(file: &File, from: &Path, to: &Path, header: &Header) -> Result<(), JournalError> {
    file.write_all_at(&header.encode(), 0).map_err(JournalError::io("write", from))?;
    file.sync_data().map_err(JournalError::io("sync", from))?;
    std::fs::rename(from, to).map_err(JournalError::io("rename", from))?;
    sync_directory(to)
}

/// Makes a rename or removal in the directory of `path` durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), JournalError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let opened = File::open(directory).map_err(JournalError::io("open", directory))?;
    opened.sync_all().map_err(JournalError::io("sync", directory))
}
