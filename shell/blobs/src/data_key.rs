//! The key of one body: made, wrapped for its header, opened again. It seals nothing else, ever.
use sekisho_kms::KmsError;
use sekisho_objects::{BlobId, Encryption};
use sekisho_state::State;
use sekisho_types::{BucketName, ObjectKey, Random, Secret, SecretKey};

use crate::StoreError;

/// Makes a key and wraps it as `encryption` says.
pub(crate) fn make(
    state: &State,
    encryption: &Encryption,
    bucket: &BucketName,
    key: &ObjectKey,
    blob: BlobId,
) -> Result<(SecretKey, Vec<u8>), StoreError> {
    let mut random = state.random();
    match encryption {
        Encryption::S3 => {
            let data_key = SecretKey::new(random.array());
            let wrapped = state.root_key().wrap(&aad(bucket, key, blob), &data_key, &mut random);
            Ok((data_key, wrapped))
        }
        Encryption::Kms { key_arn, bucket_key, context } => {
            let context = Encryption::kms_context(context, *bucket_key, bucket, key);
            let made = state.read().kms.generate_data_key(state.root_key(), key_arn, &context, 32, &mut random)?;
            let data_key = secret_key(&made.plaintext).ok_or(StoreError::Kms(KmsError::InvalidCiphertext))?;
            Ok((data_key, made.ciphertext_blob))
        }
    }
}

/// Opens what [`make`] wrapped.
pub(crate) fn open(
    state: &State,
    encryption: &Encryption,
    bucket: &BucketName,
    key: &ObjectKey,
    blob: BlobId,
    wrapped: &[u8],
) -> Result<SecretKey, StoreError> {
    let damaged = || StoreError::Damaged { blob, found: "its data key does not open" };
    match encryption {
        Encryption::S3 => state.root_key().unwrap(&aad(bucket, key, blob), wrapped).map_err(|_| damaged()),
        Encryption::Kms { key_arn, bucket_key, context } => {
            let context = Encryption::kms_context(context, *bucket_key, bucket, key);
            let opened = state.read().kms.decrypt(state.root_key(), wrapped, &context, Some(key_arn));
            match opened {
                Ok(opened) => secret_key(&opened.plaintext).ok_or_else(damaged),
                // The caller had no hand in the ciphertext: it is the file that is wrong.
                Err(KmsError::InvalidCiphertext | KmsError::IncorrectKey) => Err(damaged()),
                Err(refusal) => Err(refusal.into()),
            }
        }
    }
}

/// What a key wrapped by the root key is for: this body under this name.
fn aad(bucket: &BucketName, key: &ObjectKey, blob: BlobId) -> Vec<u8> {
    let mut aad = b"sekisho object".to_vec();
    aad.extend_from_slice(blob.as_bytes());
    aad.extend_from_slice(bucket.as_str().as_bytes());
    aad.push(b'/');
    aad.extend_from_slice(key.as_str().as_bytes());
    aad
}

fn secret_key(secret: &Secret) -> Option<SecretKey> {
    secret.expose().try_into().ok().map(SecretKey::new)
}
