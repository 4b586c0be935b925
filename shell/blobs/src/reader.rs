//! An object coming back: read, opened and checked a piece at a time. What does not open is an error, never data.
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_objects::{BlobId, Body, CHUNK_BYTES, CustomerKey, Encryption, Header, Opener, SealError};
use sekisho_state::State;
use sekisho_types::{BucketName, ObjectKey};

use crate::data_key::Place;
use crate::pins::Pin;
use crate::shelf::Shelf;
use crate::upload::blocking;
use crate::{StoreError, StoredBody, data_key};

/// Chunks opened at once: what a reader holds in memory (1 MiB).
const CHUNKS_PER_PIECE: u32 = 16;

/// An object coming back. What it reads stays readable, even if the object is replaced or deleted meanwhile.
pub struct Reader {
    source: Arc<Source>,
    /// The body read last, and which it is.
    open: Option<(usize, OpenBody)>,
    position: u64,
    end: u64,
    done: bool,
}

/// What a reader reads.
pub(crate) struct Source {
    pub(crate) state: Arc<State>,
    pub(crate) shelf: Shelf,
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) encryption: Encryption,
    pub(crate) customer: Option<CustomerKey>,
    pub(crate) bodies: Box<[Body]>,
    pub(crate) _pin: Pin,
}

pub(crate) struct OpenBody {
    stored: Box<dyn StoredBody>,
    blob: BlobId,
    header_len: u64,
    opener: Opener,
}

impl Reader {
    /// Opens the first body, so that a key that may not be used is known before anything is answered.
    pub(crate) async fn open(source: Source) -> Result<Self, StoreError> {
        let source = Arc::new(source);
        let end = source.bodies.iter().map(|body| body.size).sum();
        let first = source.clone();
        let open = blocking(move || first.open(0)).await?;
        Ok(Self { source, open: Some((0, open)), position: 0, end, done: false })
    }

    /// Reads only the bytes from `from` up to, without, `to`.
    #[must_use]
    pub fn range(mut self, from: u64, to: u64) -> Self {
        // An empty object has one chunk all the same, and its tag is checked.
        let empty = self.end == 0;
        self.end = to.min(self.end);
        self.position = from.min(self.end);
        self.done = self.position == self.end && !empty;
        self
    }

    /// The next plaintext, at most 1 MiB; `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Io`]; [`StoreError::Kms`] if a key was disabled meanwhile. Nothing more comes
    /// then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        let (source, open, wanted) = (self.source.clone(), self.open.take(), self.position..self.end);
        let (piece, open) = blocking(move || source.piece(open, wanted)).await?;
        self.open = Some(open);
        self.position += piece.len() as u64;
        self.done = self.position == self.end;
        Ok((!piece.is_empty()).then_some(piece))
    }
}

impl Source {
    /// Opens a body: its header must be the one the index means, its data key must open, its length must be right.
    pub(crate) fn open(&self, index: usize) -> Result<OpenBody, StoreError> {
        let body = self.bodies.get(index).expect("an object has at least one body");
        let (blob, size) = (body.blob, body.size);
        let damaged = |found| StoreError::Damaged { blob, found };
        let (stored, header, header_len) = read_header(&self.shelf, blob)?;
        if header.blob != body.seal() {
            return Err(damaged("it is another body's"));
        }
        let (bucket, key, customer) = (&self.bucket, &self.key, self.customer.as_ref());
        let place = Place { bucket, key, seal: body.seal(), customer };
        let key = data_key::open(&self.state, &self.encryption, place, &header)?;
        let opener = Opener::new(&key, body.seal(), size);
        if stored.length() != header_len + opener.sealed_size() {
            return Err(damaged("its length is not what it was"));
        }
        Ok(OpenBody { stored, blob, header_len, opener })
    }

    /// The next piece of what is wanted, and the body it came from.
    pub(crate) fn piece(
        &self,
        open: Option<(usize, OpenBody)>,
        wanted: Range<u64>,
    ) -> Result<(Bytes, (usize, OpenBody)), StoreError> {
        let mut begins = 0;
        let holds = self.bodies.iter().position(|body| {
            let here = wanted.start < begins + body.size;
            begins += if here { 0 } else { body.size };
            here
        });
        // Only an empty object holds nothing.
        let index = holds.unwrap_or(0);
        let body = match open {
            Some((opened, body)) if opened == index => body,
            _ => self.open(index)?,
        };
        let begins = if holds.is_some() { begins } else { 0 };
        let end = (wanted.end - begins).min(self.bodies[index].size);
        let piece = body.piece(wanted.start - begins, end)?;
        Ok((piece, (index, body)))
    }
}

/// Opens a body and reads its header; the chunks begin behind it.
pub(crate) fn read_header(shelf: &Shelf, blob: BlobId) -> Result<(Box<dyn StoredBody>, Header, u64), StoreError> {
    let stored = shelf.open(blob)?;
    let mut bytes = vec![0; Header::LEN_MAX.min(usize::try_from(stored.length()).unwrap_or(usize::MAX))];
    stored.read_at(&mut bytes, 0)?;
    let unlike = |_| StoreError::Damaged { blob, found: "its header is not one" };
    let (header, header_len) = Header::decode(&bytes).map_err(unlike)?;
    Ok((stored, header, header_len))
}

impl OpenBody {
    /// The plaintext from `position` on: at most [`CHUNKS_PER_PIECE`] chunks, not beyond `end`.
    fn piece(&self, position: u64, end: u64) -> Result<Bytes, StoreError> {
        let chunk = CHUNK_BYTES as u64;
        let damaged = |found| StoreError::Damaged { blob: self.blob, found };
        let index = |chunks: u64| u32::try_from(chunks).map_err(|_| damaged("it is too long"));
        let first = index(position / chunk)?;
        let behind = index(end.div_ceil(chunk))?.clamp(first + 1, first + CHUNKS_PER_PIECE);
        let (offset, _) = self.opener.place(first);
        let (last_offset, last_len) = self.opener.place(behind - 1);
        let mut bytes = vec![0; (last_offset - offset) as usize + last_len];
        self.stored.read_at(&mut bytes, self.header_len + offset)?;
        // Each chunk is opened where it lies, then moved up against the one before it.
        let mut plain = 0;
        for index in first..behind {
            let (at, sealed_len) = self.opener.place(index);
            let at = (at - offset) as usize;
            let opened = self.opener.open(index, &mut bytes[at..at + sealed_len]);
            let len = opened.map_err(|error| match error {
                SealError::Header => damaged("its header is not one"),
                SealError::Chunk(_) => damaged("a chunk does not open"),
            })?;
            let len = len.len();
            bytes.copy_within(at..at + len, plain);
            plain += len;
        }
        let begins = u64::from(first) * chunk;
        bytes.truncate(plain.min((end - begins) as usize));
        Ok(Bytes::from(bytes).slice((position - begins) as usize..))
    }
}
