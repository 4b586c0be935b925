//! A body as it lies on the disk: a header, then chunks of AES-256-GCM that can be opened one by one.
//!
//! Format: `docs/format/object.md`. A data key seals one body, so a chunk's index can be its nonce.
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sekisho_types::SecretKey;

use crate::BlobId;

/// Bytes of plaintext in every chunk but the last.
pub const CHUNK_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"SEKISHOO";
/// One layer.
const VERSION: u16 = 1;
/// Two layers, each under a key of its own.
const VERSION_TWO_LAYERS: u16 = 2;
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

/// What comes before the chunks: `SEKISHOO ‖ version ‖ key length ‖ blob id ‖ wrapped data keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The body's id; also in every chunk's additional data.
    pub blob: BlobId,
    /// The data key, as whoever wrapped it gave it.
    pub wrapped_key: Vec<u8>,
    /// The outer layer's data key, if there are two layers.
    pub wrapped_outer: Option<Vec<u8>>,
}

impl Header {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (version, keys) = match &self.wrapped_outer {
            None => (VERSION, self.wrapped_key.clone()),
            Some(outer) => {
                let inner = (self.wrapped_key.len() as u16).to_le_bytes();
                (VERSION_TWO_LAYERS, [&inner, self.wrapped_key.as_slice(), outer].concat())
            }
        };
        debug_assert!(keys.len() <= WRAPPED_KEY_BYTES_MAX);
        let mut bytes = Vec::with_capacity(FIXED_HEADER_BYTES + keys.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&version.to_le_bytes());
        bytes.extend_from_slice(&(keys.len() as u16).to_le_bytes());
        bytes.extend_from_slice(self.blob.as_bytes());
        bytes.extend_from_slice(&keys);
        bytes
    }

    /// Reads a header from the beginning of a file; `bytes` may go on behind it. Answers how long it is too.
    ///
    /// # Errors
    /// [`SealError::Header`].
    pub fn decode(bytes: &[u8]) -> Result<(Self, u64), SealError> {
        let rest = bytes.strip_prefix(MAGIC.as_slice()).ok_or(SealError::Header)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(SealError::Header)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(SealError::Header)?;
        let (blob, rest) = rest.split_first_chunk::<16>().ok_or(SealError::Header)?;
        let length = usize::from(u16::from_le_bytes(*length));
        if length > WRAPPED_KEY_BYTES_MAX {
            return Err(SealError::Header);
        }
        let (blob, keys) = (BlobId::from_bytes(*blob), rest.get(..length).ok_or(SealError::Header)?);
        let header = match u16::from_le_bytes(*version) {
            VERSION => Self { blob, wrapped_key: keys.to_vec(), wrapped_outer: None },
            VERSION_TWO_LAYERS => {
                let (inner, rest) = keys.split_first_chunk::<2>().ok_or(SealError::Header)?;
                let inner = usize::from(u16::from_le_bytes(*inner));
                let (inner, outer) = rest.split_at_checked(inner).ok_or(SealError::Header)?;
                Self { blob, wrapped_key: inner.to_vec(), wrapped_outer: Some(outer.to_vec()) }
            }
            _ => return Err(SealError::Header),
        };
        Ok((header, (FIXED_HEADER_BYTES + length) as u64))
    }

    /// No header is longer.
    pub const LEN_MAX: usize = FIXED_HEADER_BYTES + WRAPPED_KEY_BYTES_MAX;
}

/// What seals one body, and nothing else ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    /// The only layer's, or the inner one's.
    pub inner: SecretKey,
    /// The outer layer's, if there are two.
    pub outer: Option<SecretKey>,
}

impl DataKey {
    fn ciphers(&self) -> Vec<LessSafeKey> {
        [Some(&self.inner), self.outer.as_ref()].into_iter().flatten().map(cipher).collect()
    }
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
    /// From the inside out.
    layers: Vec<LessSafeKey>,
    blob: BlobId,
    index: u32,
    /// Plaintext of the chunk that is not full yet. A full one stays until more comes, since it may be the last.
    pending: Vec<u8>,
}

impl Sealer {
    /// `key` must be fresh: a second body under it would repeat nonces and give both away.
    pub fn new(key: &DataKey, blob: BlobId) -> Self {
        Self { layers: key.ciphers(), blob, index: 0, pending: Vec::new() }
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
        let begin = out.len();
        out.extend_from_slice(&self.pending);
        for layer in &self.layers {
            let aad = aad(&self.blob, self.index, last);
            let tag = layer.seal_in_place_separate_tag(nonce(self.index), aad, &mut out[begin..]);
            out.extend_from_slice(tag.expect("a chunk is far below AES-GCM's limit").as_ref());
        }
        self.pending.clear();
        self.index = self.index.checked_add(1).expect("a body is far below 2^32 chunks");
    }
}

/// Opens chunks of a body whose length is known from the index.
pub struct Opener {
    /// From the inside out.
    layers: Vec<LessSafeKey>,
    blob: BlobId,
    size: u64,
}

impl Opener {
    /// For the body `blob` of `size` bytes.
    pub fn new(key: &DataKey, blob: BlobId, size: u64) -> Self {
        Self { layers: key.ciphers(), blob, size }
    }

    /// How many chunks there are: at least one.
    pub fn chunks(&self) -> u32 {
        u32::try_from(self.size.div_ceil(CHUNK_BYTES as u64).max(1)).unwrap_or(u32::MAX)
    }

    /// Where a chunk lies, counted from the end of the header: offset and sealed length.
    pub fn place(&self, index: u32) -> (u64, usize) {
        let begin = u64::from(index) * CHUNK_BYTES as u64;
        let plain = (self.size.saturating_sub(begin)).min(CHUNK_BYTES as u64) as usize;
        let tags = self.layers.len() * TAG_BYTES;
        (u64::from(index) * (CHUNK_BYTES + tags) as u64, plain + tags)
    }

    /// Bytes of all chunks together.
    pub fn sealed_size(&self) -> u64 {
        self.size + u64::from(self.chunks()) * (self.layers.len() * TAG_BYTES) as u64
    }

    /// Opens a chunk in place.
    ///
    /// # Errors
    /// [`SealError::Chunk`] if one bit of it, its place or its body is not what it was.
    pub fn open<'a>(&self, index: u32, sealed: &'a mut [u8]) -> Result<&'a [u8], SealError> {
        let last = index + 1 == self.chunks();
        let mut length = sealed.len();
        for layer in self.layers.iter().rev() {
            let opened = layer.open_in_place(nonce(index), aad(&self.blob, index, last), &mut sealed[..length]);
            length = opened.map_err(|_| SealError::Chunk(index))?.len();
        }
        Ok(&sealed[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: BlobId = BlobId::from_bytes([3; 16]);

    fn keys() -> [DataKey; 2] {
        let inner = SecretKey::new([5; 32]);
        [DataKey { inner: inner.clone(), outer: None }, DataKey { inner, outer: Some(SecretKey::new([6; 32])) }]
    }

    fn seal(key: &DataKey, body: &[u8], step: usize) -> Vec<u8> {
        let mut sealer = Sealer::new(key, BLOB);
        let mut out = Vec::new();
        body.chunks(step.max(1)).for_each(|part| sealer.push(part, &mut out));
        sealer.finish(&mut out);
        out
    }

    fn open(key: &DataKey, sealed: &[u8], blob: BlobId, size: u64) -> Result<Vec<u8>, SealError> {
        let opener = Opener::new(key, blob, size);
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
        for key in keys() {
            for size in [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
                let body: Vec<u8> = (0..size).map(|n| (n * 7) as u8).collect();
                let sealed = seal(&key, &body, 1000);
                assert_eq!(sealed, seal(&key, &body, size));
                assert_eq!(sealed.len() as u64, Opener::new(&key, BLOB, size as u64).sealed_size());
                assert_eq!(open(&key, &sealed, BLOB, size as u64), Ok(body));
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let body = b"a body of a few bytes";
        for key in keys() {
            let sealed = seal(&key, body, 5);
            for bit in 0..sealed.len() * 8 {
                let mut flipped = sealed.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(&key, &flipped, BLOB, body.len() as u64), Err(SealError::Chunk(0)), "bit {bit}");
            }
        }
    }

    #[test]
    fn two_layers_need_both_keys() {
        let [one, two] = keys();
        let sealed = seal(&two, b"body", 4);
        assert_eq!(open(&one, &sealed, BLOB, 4), Err(SealError::Chunk(0)));
        let exchanged = DataKey { inner: two.outer.clone().unwrap(), outer: Some(two.inner.clone()) };
        assert_eq!(open(&exchanged, &sealed, BLOB, 4), Err(SealError::Chunk(0)));
    }

    #[test]
    fn moved_dropped_and_foreign_chunks_are_noticed() {
        let body: Vec<u8> = (0..3 * CHUNK_BYTES).map(|n| (n / 100) as u8).collect();
        let [key, _] = keys();
        let sealed = seal(&key, &body, body.len());
        let chunk = CHUNK_BYTES + TAG_BYTES;
        let mut swapped = sealed[chunk..2 * chunk].to_vec();
        swapped.extend_from_slice(&sealed[..chunk]);
        swapped.extend_from_slice(&sealed[2 * chunk..]);
        assert_eq!(open(&key, &swapped, BLOB, body.len() as u64), Err(SealError::Chunk(0)));
        assert_eq!(open(&key, &sealed, BLOB, 2 * CHUNK_BYTES as u64), Err(SealError::Chunk(1)), "cut at a chunk's end");
        assert_eq!(
            open(&key, &sealed, BlobId::from_bytes([4; 16]), body.len() as u64),
            Err(SealError::Chunk(0)),
            "another's"
        );
    }

    #[test]
    fn headers_round_trip_and_never_panic() {
        for wrapped_outer in [None, Some(vec![4, 5])] {
            let header = Header { blob: BLOB, wrapped_key: vec![1, 2, 3], wrapped_outer };
            let bytes = header.encode();
            assert_eq!(Header::decode(&bytes), Ok((header, bytes.len() as u64)));
        }
        bolero::check!(name = "header").for_each(|bytes: &[u8]| {
            if let Ok((header, length)) = Header::decode(bytes) {
                assert_eq!(header.encode(), bytes[..length as usize]);
            }
        });
    }
}
