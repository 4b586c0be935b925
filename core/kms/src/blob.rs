//! Ciphertext that carries which key and which material made it: `docs/format/kms.md`.
//!
//! `01 02 02 ‖ version ‖ key id length ‖ key id ‖ material id (32 B) ‖ nonce ‖ ciphertext ‖ tag`. The first three bytes are
//! those AWS's blobs begin with, since tools look at them; the format behind them is ours.
use sekisho_types::KeyId;

const MAGIC: [u8; 3] = [1, 2, 2];
const VERSION: u8 = 1;
/// The longest KMS takes.
const BLOB_BYTES_MAX: usize = 6144;

/// Not a ciphertext of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ciphertext blob")]
pub struct BlobError;

/// A ciphertext, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob<'a> {
    /// Which key.
    pub key_id: KeyId,
    /// Which of its materials.
    pub material_id: [u8; 32],
    /// `nonce ‖ ciphertext ‖ tag`
    pub sealed: &'a [u8],
}

impl<'a> Blob<'a> {
    /// What stands before the sealed part, and is bound to it.
    pub fn header(key_id: &KeyId, material_id: &[u8; 32]) -> Vec<u8> {
        let mut header = MAGIC.to_vec();
        header.push(VERSION);
        header.push(key_id.as_str().len() as u8);
        header.extend_from_slice(key_id.as_str().as_bytes());
        header.extend_from_slice(material_id);
        header
    }

    /// Takes a blob apart.
    ///
    /// # Errors
    /// [`BlobError`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, BlobError> {
        if bytes.len() > BLOB_BYTES_MAX {
            return Err(BlobError);
        }
        let rest = bytes.strip_prefix(&MAGIC).and_then(|rest| rest.strip_prefix(&[VERSION])).ok_or(BlobError)?;
        let (length, rest) = rest.split_first().ok_or(BlobError)?;
        let (id, rest) = rest.split_at_checked(usize::from(*length)).ok_or(BlobError)?;
        let (material_id, sealed) = rest.split_first_chunk::<32>().ok_or(BlobError)?;
        let key_id = std::str::from_utf8(id).ok().and_then(|id| KeyId::parse(id).ok()).ok_or(BlobError)?;
        Ok(Self { key_id, material_id: *material_id, sealed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_decode_or_are_refused_and_never_panic() {
        bolero::check!(name = "ciphertext_blob").for_each(|bytes: &[u8]| {
            let known = KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").unwrap();
            let whole = [&Blob::header(&known, &[7; 32]), bytes].concat();
            match Blob::decode(&whole) {
                Ok(blob) => assert_eq!((blob.key_id, blob.material_id, blob.sealed), (known, [7; 32], bytes)),
                Err(BlobError) => assert!(whole.len() > BLOB_BYTES_MAX),
            }
            let _ = Blob::decode(bytes);
        });
    }
}
