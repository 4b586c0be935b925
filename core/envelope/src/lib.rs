//! Client-side encryption of objects, as the Amazon S3 Encryption Client does it.
//!
//! Receives an object's metadata, perhaps an instruction file, its body and the data key that somebody unwrapped; hands on
//! the plaintext, all of it or nothing. The way back: a plaintext and a wrapped data key become metadata and a body. Knows
//! nothing of S3 and KMS but what they keep: it says what KMS is to be asked, and takes the answer.
//!
//! The road of a reader, told in types: [`Found`] → [`Envelope`] → [`Ask`] → [`Opener`] → plaintext. That of a writer:
//! [`Sealer`] → [`Envelope`] and body.
mod name; // the names an envelope's parts have
mod pairs; // text by name, as JSON: contexts, descriptions
mod content; // content ciphers, and the derivation of what they use
mod wrap; // how a data key is wrapped, and what it takes to unwrap it
mod rsa; // RSA keys
mod envelope; // metadata → Envelope → metadata
mod instruction; // instruction files
mod open; // Envelope → Ask → Opener → plaintext
mod seal; // plaintext → Envelope and body
mod sealed_payload; // one message, sealed, as one JSON document
#[cfg(test)]
mod samples; // what other implementations wrote
#[cfg(test)]
mod tests; // from metadata to plaintext, and what must be refused

pub use content::Content;
pub use envelope::{Envelope, EnvelopeError, Format, Found};
pub use instruction::{INSTRUCTION_FILE_BYTES_MAX, InstructionFileError};
pub use name::Name;
pub use open::{Ask, KmsDecrypt, OpenError, Opener, Terms, WithAesKey, WithRsaKey};
pub use pairs::{Pairs, PairsError};
pub use rsa::{RsaKeyError, RsaPrivateKey, RsaPublicKey};
pub use seal::{KmsContext, SealError, Sealed, Sealer};
pub use sealed_payload::{SEALED_PAYLOAD_VERSION, SealedPayload, SealedPayloadError, records, seems_sealed};
pub use wrap::{EncryptedDataKey, Wrap};

/// The longest body this crate opens or seals, in bytes: it is in memory as a whole, since no byte of it is plaintext
/// before its tag was verified. And then: [`OpenError::TooLong`], [`SealError::TooLong`]; AES-GCM's own limit is 64 GiB.
pub const BODY_BYTES_MAX: usize = 1 << 30;
