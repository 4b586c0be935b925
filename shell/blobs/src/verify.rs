//! Proves of every body that it is what the index says: sealed under a key that is there, every tag right, nothing missing, and
//! no file that is nobody's.
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sekisho_objects::{Body, CHUNK_BYTES, Encryption};
use sekisho_state::State;
use sekisho_types::{BucketName, ObjectKey};

use crate::StoreError;
use crate::dir::{BlobDir, Found};
use crate::reader::{Source, read_header};

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
    /// A file the index does not name, or one that is not named like a body.
    Foreign(PathBuf),
}

/// Verifies every body below `directory`. Blocks on the disk. A body under a customer's key cannot be opened without the
/// customer: of it, header and length are checked.
///
/// # Errors
/// [`StoreError::Io`] if the directory cannot be listed.
pub fn verify(state: &Arc<State>, directory: &Path) -> Result<Verified, StoreError> {
    let dir = BlobDir::open(directory)?;
    let mut verified = Verified::default();
    let mut known = HashSet::new();
    for (bucket, key, encryption, body) in bodies(state) {
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
            Encryption::Customer(_) => measure(&dir, &body),
            _ => open(state, &dir, &bucket, &key, encryption, body),
        };
        if let Err(error) = checked {
            verified.faults.push(Fault::Body { bucket, key, error });
        }
    }
    for found in dir.files()? {
        match found {
            Found::Body(blob, path) if known.contains(&blob) && path == dir.place(blob) => {}
            Found::Body(_, path) | Found::Other(path) => verified.faults.push(Fault::Foreign(path)),
        }
    }
    Ok(verified)
}

/// Every body the index names.
fn bodies(state: &State) -> Vec<(BucketName, ObjectKey, Encryption, Body)> {
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

fn measure(dir: &BlobDir, body: &Body) -> Result<(), StoreError> {
    let damaged = |found| StoreError::Damaged { blob: body.blob, found };
    let (file, header, header_len) = read_header(dir, body.blob)?;
    if header.blob != body.seal() {
        return Err(damaged("it is another body's file"));
    }
    let length = file.metadata().map_err(StoreError::io("read", body.blob.to_string()))?.len();
    let tags = body.size.div_ceil(CHUNK_BYTES as u64).max(1) * 16;
    if length == header_len + body.size + tags { Ok(()) } else { Err(damaged("its length is not what it was")) }
}

fn open(
    state: &Arc<State>,
    dir: &BlobDir,
    bucket: &BucketName,
    key: &ObjectKey,
    encryption: Encryption,
    body: Body,
) -> Result<(), StoreError> {
    let size = body.size;
    let pin = dir.pin(vec![body.blob]);
    let source = Source {
        state: state.clone(),
        dir: dir.clone(),
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
