//! The encryption context: pairs that are bound to a ciphertext and not kept in it.
use std::collections::BTreeMap;

use crate::KmsError;

/// Pairs of names and values; their order does not matter, their letter case does.
pub type EncryptionContext = BTreeMap<String, String>;

/// AWS's bound on all pairs together.
pub const CONTEXT_BYTES_MAX: usize = 8192;

/// Additional data: what is sealed for, then each pair with its lengths, in the order of the names' bytes.
pub(crate) fn additional_data(header: &[u8], context: &EncryptionContext) -> Result<Vec<u8>, KmsError> {
    let bytes: usize = context.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > CONTEXT_BYTES_MAX {
        let message = format!("the encryption context has {bytes} bytes; at most {CONTEXT_BYTES_MAX} are allowed");
        return Err(KmsError::Validation(message));
    }
    let mut data = header.to_vec();
    for text in context.iter().flat_map(|(name, value)| [name, value]) {
        data.extend_from_slice(&(text.len() as u32).to_be_bytes());
        data.extend_from_slice(text.as_bytes());
    }
    Ok(data)
}
