//! KMS: the root key, the account's keys, and ciphertext that says which key made it.
mod root; // what everything is wrapped under

pub use root::{RootKey, UnwrapError};
