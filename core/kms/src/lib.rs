//! KMS: the root key, the account's keys, and ciphertext that says which key made it.
//!
//! Receives commands, plaintext and ciphertext, messages and signatures; hands on events and their counterparts. A key's material exists in the
//! clear only for the length of one operation.
mod root; // what everything is wrapped under
mod error; // why something is refused, in AWS's words
mod blob; // ciphertext that carries key and material
mod context; // the encryption context as additional data
mod spec; // key specs, usages, algorithms
mod key; // a key: states, material, metadata
mod store; // the fold: keys and aliases
mod import; // material that its owner brings
mod grant; // what somebody may do with one key
mod policy; // key policies and grants, judged
mod reference; // key ids, ARNs and aliases, told apart
mod create; // CreateKey
mod rotation; // new material, old material kept
mod in_use; // a key that may be used now, and what it does
mod crypto; // encrypt, decrypt, data keys of symmetric keys
mod pair; // signatures, RSA encryption and key agreement
mod mac; // message authentication codes

pub use blob::{Blob, BlobError};
pub use context::{CONTEXT_BYTES_MAX, EncryptionContext};
pub use create::NewKey;
pub use crypto::{DataKey, DataKeyPair, Decrypted, Encrypted, PLAINTEXT_BYTES_MAX};
pub use error::KmsError;
pub use grant::{Grant, GrantConstraints, Granted};
pub use import::{Import, ImportParameters, ImportType, Imported, WrappingAlgorithm};
pub use in_use::{KeyInUse, Message, Operation};
pub use key::{Key, KeyManager, KeyState, Material};
pub use policy::{Asked, Via};
pub use root::{RootKey, UnwrapError};
pub use rotation::{ROTATION_PERIOD_DEFAULT_D, Rotated, Rotation, RotationType};
pub use spec::{EncryptionAlgorithm, KeySpec, KeyType, KeyUsage, MacAlgorithm, Origin, SigningAlgorithm};
pub use store::{Alias, Event, Kms};

#[cfg(test)]
mod tests;
