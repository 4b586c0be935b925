//! A block: entries that share one write, sealed as one unit.
//!
//! `header (32 B) ‖ ciphertext ‖ tag (16 B)`; the header and the block's place are the additional authenticated data,
//! so a block moved, resized or renumbered does not open. Format: `docs/format/journal.md` §3.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sekisho_types::SecretKey;

use crate::Sequence;

/// Bytes before the ciphertext.
pub(crate) const HEADER_BYTES: usize = 32;
/// Bytes after it.
pub(crate) const TAG_BYTES: usize = 16;
/// A block is closed once it holds this much, so that reading one entry back opens little else.
pub(crate) const BLOCK_BYTES: usize = 256 * 1024;
/// No entry is larger: the largest producer record (1,000 KiB) and its origin fit many times.
pub const ENTRY_BYTES_MAX: usize = 24 * 1024 * 1024;

pub(crate) const MAGIC_BYTES: &[u8; 4] = b"SKBK";
const MAGIC: u32 = u32::from_le_bytes(*MAGIC_BYTES);

/// Entries gathered for one block, with room for the header in front.
pub(crate) struct Builder {
    bytes: Vec<u8>,
    pub first: u64,
    pub count: u32,
}

impl Builder {
    pub fn new(first: u64) -> Self {
        Self { bytes: vec![0; HEADER_BYTES], first, count: 0 }
    }

    pub fn push(&mut self, entry: &[u8]) {
        self.bytes.extend_from_slice(&(entry.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(entry);
        self.count += 1;
    }

    /// Bytes of entries so far.
    pub fn len(&self) -> usize {
        self.bytes.len() - HEADER_BYTES
    }

    /// Bytes the block will take on the disk.
    pub fn sealed_len(&self) -> usize {
        self.bytes.len() + TAG_BYTES
    }

    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// Seals in place. `index` counts the blocks of the segment and is the nonce; the key seals one segment only, and a
    /// segment is never written again after a restart, so that no nonce repeats.
    pub fn seal(mut self, key: &BlockKey, place: Place, durable_before: u64) -> Vec<u8> {
        let plain = self.bytes.len() - HEADER_BYTES;
        let header =
            Header { sealed: (plain + TAG_BYTES) as u32, first: self.first, count: self.count, durable_before };
        self.bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        let aad = place.aad(&self.bytes[..HEADER_BYTES]);
        let tag = key
            .0
            .seal_in_place_separate_tag(place.nonce(), Aad::from(aad), &mut self.bytes[HEADER_BYTES..])
            .expect("a block is far below AES-GCM's limit");
        self.bytes.extend_from_slice(tag.as_ref());
        self.bytes
    }
}

/// Where a block stands: part of what its tag covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub segment: u64,
    pub index: u32,
    pub offset: u64,
}

impl Place {
    fn nonce(self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[8..].copy_from_slice(&self.index.to_be_bytes());
        Nonce::assume_unique_for_key(nonce)
    }

    fn aad(self, header: &[u8]) -> [u8; HEADER_BYTES + 16] {
        let mut aad = [0; HEADER_BYTES + 16];
        aad[..HEADER_BYTES].copy_from_slice(header);
        aad[HEADER_BYTES..HEADER_BYTES + 8].copy_from_slice(&self.segment.to_le_bytes());
        aad[HEADER_BYTES + 8..].copy_from_slice(&self.offset.to_le_bytes());
        aad
    }
}

/// What a block says of itself before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes after the header: ciphertext and tag.
    pub sealed: u32,
    pub first: u64,
    pub count: u32,
    /// Everything up to this sequence was durable when the block was written.
    pub durable_before: u64,
}

impl Header {
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.sealed.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.durable_before.to_le_bytes());
        bytes
    }

    /// `None` where no block begins (zeros, or a torn write).
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| u64::from(u32_at(at)) | u64::from(u32_at(at + 4)) << 32;
        let header = Self { sealed: u32_at(4), first: u64_at(8), count: u32_at(16), durable_before: u64_at(24) };
        let plausible = u32_at(0) == MAGIC
            && header.sealed as usize > TAG_BYTES
            && header.sealed as usize <= ENTRY_BYTES_MAX + BLOCK_BYTES
            && header.count > 0
            && header.first > 0;
        plausible.then_some(header)
    }

    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }
}

/// The data key of one segment.
pub(crate) struct BlockKey(LessSafeKey);

impl BlockKey {
    pub fn new(key: &SecretKey) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("a SecretKey has 32 bytes")))
    }

    /// Opens `sealed` (header, ciphertext, tag) in place and returns its entries' bytes; `None` if one bit is off.
    pub fn open<'a>(&self, place: Place, sealed: &'a mut [u8]) -> Option<&'a [u8]> {
        let (header, body) = sealed.split_at_mut_checked(HEADER_BYTES)?;
        let aad = place.aad(header);
        self.0.open_in_place(place.nonce(), Aad::from(aad), body).ok().map(|plain| &*plain)
    }
}

/// The entries of an opened block, in order.
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    next: u64,
}

impl<'a> Entries<'a> {
    pub fn new(plain: &'a [u8], first: u64) -> Self {
        Self { rest: plain, next: first }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Sequence, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let (entry, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let sequence = Sequence(self.next);
        (self.rest, self.next) = (rest, self.next + 1);
        Some((sequence, entry))
    }
}
