//! A sealed payload: one message, encrypted before it is published, as one JSON document. Whoever carries it reads where
//! it goes and how long it is.
//!
//! Format: `docs/format/sealed-payload.md`.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Deserializer, json};

use crate::pairs::Unique;
use crate::{Envelope, EnvelopeError, Format, Found, Pairs, Sealed};

/// Value of the member `sealed`.
pub const SEALED_PAYLOAD_VERSION: u64 = 1;

/// A message's envelope and ciphertext.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPayload {
    /// How it is encrypted: always format V3.
    pub envelope: Envelope,
    /// `ciphertext ‖ tag (16 B)`
    pub ciphertext: Vec<u8>,
}

/// Whoever wrote or changed it: no sealed payload.
#[derive(Debug, thiserror::Error)]
pub enum SealedPayloadError {
    /// Not JSON, or without the three members.
    #[error("not a sealed payload: {0}")]
    Json(#[from] serde_json::Error),
    /// Of a later version.
    #[error("a sealed payload of version {0}, where {SEALED_PAYLOAD_VERSION} is known")]
    Version(u64),
    /// Its envelope is none.
    #[error("the envelope of a sealed payload cannot be used")]
    Envelope(#[from] EnvelopeError),
    /// Only V3 is sealed into payloads.
    #[error("the envelope of a sealed payload is not of format V3")]
    Format,
    /// Not base64.
    #[error("the ciphertext of a sealed payload is not base64")]
    Ciphertext,
}

/// Members that a rule has added are passed over: nobody vouches for them.
#[derive(Deserialize)]
struct Document {
    sealed: u64,
    envelope: Unique,
    ciphertext: String,
}

impl SealedPayload {
    /// Reads one document.
    ///
    /// # Errors
    /// [`SealedPayloadError`].
    pub fn parse(json: &[u8]) -> Result<Self, SealedPayloadError> {
        Self::read(serde_json::from_slice(json)?)
    }

    fn read(document: Document) -> Result<Self, SealedPayloadError> {
        if document.sealed != SEALED_PAYLOAD_VERSION {
            return Err(SealedPayloadError::Version(document.sealed));
        }
        let metadata = document.envelope.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let envelope = match Envelope::find(metadata)? {
            Found::Envelope(envelope) if envelope.format() == Format::V3 => *envelope,
            Found::Envelope(_) | Found::InstructionFile | Found::Nothing => return Err(SealedPayloadError::Format),
        };
        let ciphertext = STANDARD.decode(document.ciphertext).map_err(|_| SealedPayloadError::Ciphertext)?;
        Ok(Self { envelope, ciphertext })
    }

    /// Writes one document, on one line and in ASCII.
    pub fn to_json(&self) -> String {
        let parts = self.envelope.to_metadata().into_iter();
        let envelope: Pairs = parts.map(|(name, value)| (name.as_str().to_owned(), value)).collect();
        let ciphertext = STANDARD.encode(&self.ciphertext);
        json!({ "sealed": SEALED_PAYLOAD_VERSION, "envelope": envelope, "ciphertext": ciphertext }).to_string()
    }
}

impl From<Sealed> for SealedPayload {
    fn from(Sealed { envelope, body }: Sealed) -> Self {
        Self { envelope, ciphertext: body }
    }
}

/// The sealed payloads in an object's body, one after the other, with white space between them or none. Ends at the first
/// that is none.
pub fn records(body: &[u8]) -> impl Iterator<Item = Result<SealedPayload, SealedPayloadError>> {
    let mut failed = false;
    Deserializer::from_slice(body).into_iter::<Document>().map_while(move |document| {
        if failed {
            return None;
        }
        let read = document.map_err(SealedPayloadError::from).and_then(SealedPayload::read);
        failed = read.is_err();
        Some(read)
    })
}

/// Whether a body begins with a sealed payload, of whichever version.
pub fn seems_sealed(body: &[u8]) -> bool {
    Deserializer::from_slice(body).into_iter::<Document>().next().is_some_and(|first| first.is_ok())
}
