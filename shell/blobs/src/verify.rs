//! Proves of every body that it is what the index says: sealed under a key that is there, every tag right, nothing missing, and
//! nothing there that is nobody's.
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use sekisho_objects::{Body, CHUNK_BYTES, Encryption};
use sekisho_state::State;
use sekisho_types::{BucketName, ObjectKey};

use crate::reader::{Source, read_header};
use crate::shelf::Shelf;
use crate::{Bodies, StoreError};

/// What was found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Bodies of objects, of their versions and of parts of uploads, by how they are sealed; bytes of plaintext.
    pub sealed: BTreeMap<&'static str, (u64, u64)>,
    /// What each KMS key opens: bodies and bytes.
    pub by_key: BTreeMap<String, (u64, u64)>,
    /// What is wrong.
    pub faults: Vec<Fault>,
}

/// Something that is not as it should be.
#[derive(Debug)]
pub enum Fault {
    /// A body that does not open, or not wholly.
    Body {
        /// Whose.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
        /// Why.
        error: StoreError,
    },
    /// A body the index does not name, or what is not named like a body.
    Foreign(String),
}

/// Verifies every body. Blocks. A body under a customer's key cannot be opened without the customer: of it, header and length are
/// checked.
///
/// # Errors
/// As [`Bodies::list`].
pub fn verify(state: &Arc<State>, bodies: Arc<dyn Bodies>) -> Result<Verified, StoreError> {
    let shelf = Shelf::new(bodies);
    // First: a place that cannot be asked is not asked for each of its bodies.
    let listing = shelf.list()?;
    let mut verified = Verified::default();
    let mut known = HashSet::new();
    for (bucket, key, encryption, body) in indexed(state) {
        known.insert(body.blob);
        let (mode, kms_key) = match &encryption {
            Encryption::S3 => ("SSE-S3", None),
            Encryption::Kms { key_arn, .. } => ("SSE-KMS", Some(key_arn.to_string())),
            Encryption::Dsse { key_arn, .. } => ("DSSE-KMS", Some(key_arn.to_string())),
            Encryption::Customer(_) => ("SSE-C", None),
        };
        let count = |entry: &mut (u64, u64)| *entry = (entry.0 + 1, entry.1 + body.size);
        count(verified.sealed.entry(mode).or_default());
        kms_key.into_iter().for_each(|arn| count(verified.by_key.entry(arn).or_default()));
        let checked = match &encryption {
            Encryption::Customer(_) => measure(&shelf, &body),
            _ => open(state, &shelf, &bucket, &key, encryption, body),
        };
        if let Err(error) = checked {
            verified.faults.push(Fault::Body { bucket, key, error });
        }
    }
    let nobodys = listing.bodies.iter().filter(|blob| !known.contains(blob)).map(ToString::to_string);
    verified.faults.extend(nobodys.chain(listing.others).map(Fault::Foreign));
    Ok(verified)
}

/// Every body the index names.
fn indexed(state: &State) -> Vec<(BucketName, ObjectKey, Encryption, Body)> {
    let cores = state.read();
    let mut all = Vec::new();
    for (name, bucket) in cores.objects.buckets() {
        for (key, versions) in &bucket.objects {
            for record in versions.iter().filter_map(|version| version.object()) {
                let of_record = |body: &Body| (name.clone(), key.clone(), record.encryption.clone(), body.clone());
                all.extend(record.bodies.iter().map(of_record));
            }
        }
        for ((key, _), upload) in &bucket.uploads {
            let parts = upload.parts.values();
            all.extend(parts.map(|part| (name.clone(), key.clone(), upload.encryption.clone(), part.body.clone())));
        }
    }
    all
}

fn measure(shelf: &Shelf, body: &Body) -> Result<(), StoreError> {
    let damaged = |found| StoreError::Damaged { blob: body.blob, found };
    let (stored, header, header_len) = read_header(shelf, body.blob)?;
    if header.blob != body.seal() {
        return Err(damaged("it is another body's"));
    }
    let tags = body.size.div_ceil(CHUNK_BYTES as u64).max(1) * 16;
    if stored.length() == header_len + body.size + tags {
        Ok(())
    } else {
        Err(damaged("its length is not what it was"))
    }
}

fn open(
    state: &Arc<State>,
    shelf: &Shelf,
    bucket: &BucketName,
    key: &ObjectKey,
    encryption: Encryption,
    body: Body,
) -> Result<(), StoreError> {
    let size = body.size;
    let pin = shelf.pin(vec![body.blob]);
    let source = Source {
        state: state.clone(),
        shelf: shelf.clone(),
        bucket: bucket.clone(),
        key: key.clone(),
        encryption,
        customer: None,
        bodies: [body].into(),
        _pin: pin,
    };
    let mut open = source.open(0)?;
    let mut position = 0;
    loop {
        let (piece, again) = source.piece(Some((0, open)), position..size)?;
        position += piece.len() as u64;
        if position >= size {
            return Ok(());
        }
        open = again.1;
    }
}
