//! KMS: the root key, the account's keys, and ciphertext that says which key made it.
//!
//! Receives commands, plaintext and ciphertext; hands on events, ciphertext and plaintext. A key's material exists in the
//! clear only for the length of one operation.
mod root; // what everything is wrapped under
mod error; // why something is refused, in AWS's words
mod blob; // ciphertext that carries key and material
mod context; // the encryption context as additional data
mod key; // a key: states, material, metadata
mod store; // the fold: keys and aliases
mod reference; // key ids, ARNs and aliases, told apart
mod crypto; // encrypt, decrypt, data keys

pub use blob::{Blob, BlobError};
pub use context::{CONTEXT_BYTES_MAX, EncryptionContext};
pub use crypto::{DataKey, Decrypted, Encrypted, PLAINTEXT_BYTES_MAX};
pub use error::KmsError;
pub use key::{Key, KeyManager, KeyState, Material};
pub use root::{RootKey, UnwrapError};
pub use store::{Alias, Event, Kms};

#[cfg(test)]
mod tests;
