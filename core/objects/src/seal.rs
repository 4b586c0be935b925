//! A body as it lies on the disk: a header, then chunks of AES-256-GCM that can be opened one by one.
//!
//! Format: `docs/format/object.md`. A data key seals one body, so a chunk's index can be its nonce.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sekisho_types::SecretKey;

use crate::BlobId;

/// Bytes of plaintext in every chunk but the last.
pub const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
const SEALED_CHUNK_BYTES: u64 = (CHUNK_BYTES + TAG_BYTES) as u64;
const MAGIC: &[u8; 8] = b"SEKISHOO";
const VERSION: u16 = 1;
const FIXED_HEADER_BYTES: usize = 8 + 2 + 2 + 16;
/// A wrapped data key is some 200 bytes; KMS promises at most 6,144.
const WRAPPED_KEY_BYTES_MAX: usize = 6144;

/// The bytes are not what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not a sealed body, or one of a later version.
    #[error("no header of a sealed body")]
    Header,
    /// A chunk does not open: changed, moved, or another body's.
    #[error("chunk {0} does not open")]
    Chunk(u32),
}

/// What comes before the chunks: `SEKISHOO ‖ version ‖ key length ‖ blob id ‖ wrapped data key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The body's id; also in every chunk's additional data.
    pub blob: BlobId,
    /// The data key, as whoever wrapped it gave it.
    pub wrapped_key: Vec<u8>,
}

impl Header {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        debug_assert!(self.wrapped_key.len() <= WRAPPED_KEY_BYTES_MAX);
        let mut bytes = Vec::with_capacity(FIXED_HEADER_BYTES + self.wrapped_key.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(self.wrapped_key.len() as u16).to_le_bytes());
        bytes.extend_from_slice(self.blob.as_bytes());
        bytes.extend_from_slice(&self.wrapped_key);
        bytes
    }

    /// Reads a header from the beginning of a file; `bytes` may go on behind it.
    ///
    /// # Errors
    /// [`SealError::Header`].
    pub fn decode(bytes: &[u8]) -> Result<Self, SealError> {
        let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(SealError::Header)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(SealError::Header)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(SealError::Header)?;
        let (blob, rest) = rest.split_first_chunk::<16>().ok_or(SealError::Header)?;
        let length = usize::from(u16::from_le_bytes(*length));
        if u16::from_le_bytes(*version) != VERSION || length > WRAPPED_KEY_BYTES_MAX {
            return Err(SealError::Header);
        }
        let wrapped_key = rest.get(..length).ok_or(SealError::Header)?.to_vec();
        Ok(Self { blob: BlobId::from_bytes(*blob), wrapped_key })
    }

    /// How many bytes [`Header::encode`] gives; the chunks begin there.
    pub fn len(&self) -> u64 {
        (FIXED_HEADER_BYTES + self.wrapped_key.len()) as u64
    }

    /// Never: a header has at least its fixed part.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// No header is longer.
    pub const LEN_MAX: usize = FIXED_HEADER_BYTES + WRAPPED_KEY_BYTES_MAX;
}

fn cipher(key: &SecretKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose()).expect("a SecretKey has 32 bytes"))
}

fn nonce(index: u32) -> Nonce {
    let mut nonce = [0; 12];
    nonce[8..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// The body it belongs to, its place, and whether it is the last: what makes a chunk moved, dropped or cut off fail.
fn aad(blob: &BlobId, index: u32, last: bool) -> Aad<[u8; 21]> {
    let mut aad = [0; 21];
    aad[..16].copy_from_slice(blob.as_bytes());
    aad[16..20].copy_from_slice(&index.to_be_bytes());
    aad[20] = u8::from(last);
    Aad::from(aad)
}

/// Seals a body as it comes.
pub struct Sealer {
    key: LessSafeKey,
    blob: BlobId,
    index: u32,
    /// Plaintext of the chunk that is not full yet. A full one stays until more comes, since it may be the last.
    pending: Vec<u8>,
}

impl Sealer {
    /// `key` must be fresh: a second body under it would repeat nonces and give both away.
    pub fn new(key: &SecretKey, blob: BlobId) -> Self {
        Self { key: cipher(key), blob, index: 0, pending: Vec::new() }
    }

    /// Takes plaintext and appends the chunks it completes to `out`.
    pub fn push(&mut self, mut plaintext: &[u8], out: &mut Vec<u8>) {
        while !plaintext.is_empty() {
            if self.pending.len() == CHUNK_BYTES {
                self.seal(false, out);
            }
            let taken = plaintext.len().min(CHUNK_BYTES - self.pending.len());
            self.pending.extend_from_slice(&plaintext[..taken]);
            plaintext = &plaintext[taken..];
        }
    }

    /// Appends the last chunk, which is empty only if the body is.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.seal(true, out);
    }

    fn seal(&mut self, last: bool, out: &mut Vec<u8>) {
        let aad = aad(&self.blob, self.index, last);
        let tag = self.key.seal_in_place_separate_tag(nonce(self.index), aad, &mut self.pending);
        out.extend_from_slice(&self.pending);
        out.extend_from_slice(tag.expect("a chunk is far below AES-GCM's limit").as_ref());
        self.pending.clear();
        self.index = self.index.checked_add(1).expect("a body is far below 2^32 chunks");
    }
}

/// Opens chunks of a body whose length is known from the index.
pub struct Opener {
    key: LessSafeKey,
    blob: BlobId,
    size: u64,
}

impl Opener {
    /// For the body `blob` of `size` bytes.
    pub fn new(key: &SecretKey, blob: BlobId, size: u64) -> Self {
        Self { key: cipher(key), blob, size }
    }

    /// How many chunks there are: at least one.
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.size.div_ceil(CHUNK_BYTES as u64).max(1)).unwrap_or(u32::MAX)
    }

    /// Where a chunk lies, counted from the end of the header: offset and sealed length.
    pub fn place(&self, index: u32) -> (u64, usize) {
        let begin = u64::from(index) * CHUNK_BYTES as u64;
        let plain = (self.size.saturating_sub(begin)).min(CHUNK_BYTES as u64) as usize;
        (u64::from(index) * SEALED_CHUNK_BYTES, plain + TAG_BYTES)
    }

    /// Bytes of all chunks together.
    pub fn sealed_size(&self) -> u64 {
        self.size + u64::from(self.chunks()) * TAG_BYTES as u64
    }

    /// Opens a chunk in place.
    ///
    /// # Errors
    /// [`SealError::Chunk`] if one bit of it, its place or its body is not what it was.
    pub fn open<'a>(&self, index: u32, sealed: &'a mut [u8]) -> Result<&'a [u8], SealError> {
        let last = index + 1 == self.chunks();
        let opened = self.key.open_in_place(nonce(index), aad(&self.blob, index, last), sealed);
        opened.map(|plain| &*plain).map_err(|_| SealError::Chunk(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: BlobId = BlobId::from_bytes([3; 16]);

    fn key() -> SecretKey {
        SecretKey::new([5; 32])
    }

    fn seal(body: &[u8], step: usize) -> Vec<u8> {
        let mut sealer = Sealer::new(&key(), BLOB);
        let mut out = Vec::new();
        body.chunks(step.max(1)).for_each(|part| sealer.push(part, &mut out));
        sealer.finish(&mut out);
        out
    }

    fn open(sealed: &[u8], blob: BlobId, size: u64) -> Result<Vec<u8>, SealError> {
        let opener = Opener::new(&key(), blob, size);
        let mut body = Vec::new();
        for index in 0..opener.chunks() {
            let (offset, length) = opener.place(index);
            let chunk = sealed.get(offset as usize..offset as usize + length).ok_or(SealError::Chunk(index))?;
            body.extend_from_slice(opener.open(index, &mut chunk.to_vec())?);
        }
        Ok(body)
    }

    #[test]
    fn every_length_comes_back_however_it_was_cut() {
        for size in [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let body: Vec<u8> = (0..size).map(|n| (n * 7) as u8).collect();
            let sealed = seal(&body, 1000);
            assert_eq!(sealed, seal(&body, size));
            assert_eq!(sealed.len() as u64, Opener::new(&key(), BLOB, size as u64).sealed_size());
            assert_eq!(open(&sealed, BLOB, size as u64), Ok(body));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let body = b"a body of a few bytes";
        let sealed = seal(body, 5);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&flipped, BLOB, body.len() as u64), Err(SealError::Chunk(0)), "bit {bit}");
        }
    }

    #[test]
    fn moved_dropped_and_foreign_chunks_are_noticed() {
        let body: Vec<u8> = (0..3 * CHUNK_BYTES).map(|n| (n / 100) as u8).collect();
        let sealed = seal(&body, body.len());
        let chunk = SEALED_CHUNK_BYTES as usize;
        let mut swapped = sealed[chunk..2 * chunk].to_vec();
        swapped.extend_from_slice(&sealed[..chunk]);
        swapped.extend_from_slice(&sealed[2 * chunk..]);
        assert_eq!(open(&swapped, BLOB, body.len() as u64), Err(SealError::Chunk(0)));
        assert_eq!(open(&sealed, BLOB, 2 * CHUNK_BYTES as u64), Err(SealError::Chunk(1)), "cut at a chunk's end");
        assert_eq!(
            open(&sealed, BlobId::from_bytes([4; 16]), body.len() as u64),
            Err(SealError::Chunk(0)),
            "another's"
        );
    }

    #[test]
    fn headers_round_trip_and_never_panic() {
        let header = Header { blob: BLOB, wrapped_key: vec![1, 2, 3] };
        assert_eq!(Header::decode(&header.encode()), Ok(header.clone()));
        assert_eq!(header.encode().len() as u64, header.len());
        bolero::check!(name = "header").for_each(|bytes: &[u8]| {
            if let Ok(header) = Header::decode(bytes) {
                assert_eq!(Header::decode(&header.encode()), Ok(header));
            }
        });
    }
}
