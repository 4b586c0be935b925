//! The envelope of an object: what its metadata says of how it was encrypted, in each of three formats.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::name::{Parts, parts};
use crate::wrap::{CONTEXT_CIPHER, Holder};
use crate::{Content, EncryptedDataKey, InstructionFileError, Name, Pairs, PairsError, Wrap, pairs};

/// The longest wrapped data key, in bytes: KMS's bound on a ciphertext blob. And then: [`EnvelopeError::Value`].
const ENCRYPTED_DATA_KEY_BYTES_MAX: usize = 6144;
/// V1 without `x-amz-wrap-alg`: what is longer was wrapped by RSA, what is not by AES, whose longest is 32 bytes padded
/// to 48.
const AES_WRAPPED_BYTES_MAX: usize = 48;

/// Which names the parts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Legacy, with `x-amz-key`: CBC alone.
    V1,
    /// With `x-amz-key-v2`.
    V2,
    /// With `x-amz-3`: committed GCM alone.
    V3,
}

/// Everything that is needed to open a body, except the data key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub(crate) format: Format,
    pub(crate) content: Content,
    pub(crate) encrypted_data_key: EncryptedDataKey,
    pub(crate) plaintext_bytes: Option<u64>,
}

/// Where an object's envelope is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Here.
    Envelope(Box<Envelope>),
    /// V3, and the wrapped data key is in an instruction file.
    InstructionFile,
    /// In an instruction file, or the object was not encrypted this way.
    Nothing,
}

/// Whoever wrote or changed the object: its envelope is none.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Asked for the object beside it.
    #[error("this is an instruction file, not an object")]
    InstructionFile,
    /// Two readers could read two objects.
    #[error("`{}` and `{}` are of two formats", .0.as_str(), .1.as_str())]
    TwoFormats(Name, Name),
    /// A part without which nothing can be opened.
    #[error("`{}` is missing", .0.as_str())]
    Missing(Name),
    /// A part that contradicts another.
    #[error("`{}` does not go with `{with}`", .name.as_str())]
    Contradicts {
        /// The part.
        name: Name,
        /// The other's value.
        with: &'static str,
    },
    /// A part that is not what it should be.
    #[error("the value of `{}` cannot be used", .0.as_str())]
    Value(Name),
    /// A context or description.
    #[error("the value of `{}` cannot be used", .0.as_str())]
    Pairs(Name, #[source] PairsError),
    /// The data key is wrapped for another content cipher.
    #[error("the data key is not for the content cipher `{0}`")]
    AnotherCipher(&'static str),
    /// The instruction file is none.
    #[error("the instruction file cannot be used")]
    File(#[from] InstructionFileError),
}

impl Format {
    /// The names a reader of the format knows; another's are a contradiction.
    const fn knows(self, name: Name) -> bool {
        match name {
            Name::KeyV1 => matches!(self, Self::V1),
            Name::KeyV2 | Name::TagLen => matches!(self, Self::V2),
            Name::WrapAlg | Name::CekAlg | Name::Iv | Name::MatDesc | Name::PlaintextLength => {
                matches!(self, Self::V1 | Self::V2)
            }
            Name::KeyV3
            | Name::WrapV3
            | Name::CipherV3
            | Name::CommitmentV3
            | Name::MessageIdV3
            | Name::ContextV3
            | Name::MatDescV3 => matches!(self, Self::V3),
            Name::InstructionFile => false,
        }
    }

    const fn key(self) -> Name {
        match self {
            Self::V1 => Name::KeyV1,
            Self::V2 => Name::KeyV2,
            Self::V3 => Name::KeyV3,
        }
    }
}

/// V3: what stays with the object when the rest is in an instruction file.
pub(crate) const WITH_THE_BODY: [Name; 3] = [Name::CipherV3, Name::CommitmentV3, Name::MessageIdV3];

impl Envelope {
    /// Looks for the envelope in an object's metadata, whose names come in lower case and without `x-amz-meta-`. Names of
    /// others are passed over.
    ///
    /// # Errors
    /// [`EnvelopeError`] for an envelope that is incomplete, or that contradicts itself.
    pub fn find<'a>(metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Found, EnvelopeError> {
        let parts = parts(metadata);
        if parts.contains_key(&Name::InstructionFile) {
            return Err(EnvelopeError::InstructionFile);
        }
        if format(&parts)?.is_some() {
            return Ok(Found::Envelope(Box::new(Self::parse(&parts)?)));
        }
        match parts.keys().find(|name| **name != Name::PlaintextLength) {
            None => Ok(Found::Nothing),
            Some(_) if parts.keys().copied().eq(WITH_THE_BODY) => Ok(Found::InstructionFile),
            Some(name) if Format::V3.knows(*name) => Err(EnvelopeError::Missing(Name::KeyV3)),
            Some(_) => Err(EnvelopeError::Missing(Name::KeyV2)),
        }
    }

    /// Reads all parts.
    pub(crate) fn parse(parts: &Parts) -> Result<Self, EnvelopeError> {
        let format = format(parts)?.ok_or(EnvelopeError::Missing(Name::KeyV3))?;
        if let Some(other) = parts.keys().find(|name| !format.knows(**name)) {
            return Err(EnvelopeError::TwoFormats(format.key(), *other));
        }
        let content = content(format, parts)?;
        let encrypted_data_key = encrypted_data_key(format, parts)?;
        if content.is_legacy() && !encrypted_data_key.wrap.is_legacy() {
            // A wrap that says which cipher it is for was never made for a legacy one.
            return Err(EnvelopeError::AnotherCipher(content.name()));
        }
        let context = &encrypted_data_key.description;
        if encrypted_data_key.wrap == Wrap::KmsContext
            && context.get(CONTEXT_CIPHER).map(String::as_str) != Some(content.name())
        {
            return Err(EnvelopeError::AnotherCipher(content.name()));
        }
        let length = parts.get(&Name::PlaintextLength).map(|text| text.parse());
        let plaintext_bytes = length.transpose().map_err(|_| EnvelopeError::Value(Name::PlaintextLength))?;
        Ok(Self { format, content, encrypted_data_key, plaintext_bytes })
    }

    /// Its format.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The content cipher.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The wrapped data key.
    pub const fn encrypted_data_key(&self) -> &EncryptedDataKey {
        &self.encrypted_data_key
    }

    /// Its parts, as an object's metadata has them. [`Name::header`] is the header each travels in.
    pub fn to_metadata(&self) -> Vec<(Name, String)> {
        self.to_parts().into_iter().collect()
    }

    pub(crate) fn to_parts(&self) -> Parts {
        let EncryptedDataKey { wrap, bytes, description } = &self.encrypted_data_key;
        let mut parts = Parts::from([(self.format.key(), STANDARD.encode(bytes))]);
        let mut put = |name: Name, value: String| drop(parts.insert(name, value));
        match &self.content {
            Content::Cbc { iv } => put(Name::Iv, STANDARD.encode(iv)),
            Content::Gcm { iv } => {
                put(Name::Iv, STANDARD.encode(iv));
                put(Name::TagLen, TAG_BITS.to_owned());
            }
            Content::CommittedGcm { message_id, commitment } => {
                put(Name::MessageIdV3, STANDARD.encode(message_id));
                put(Name::CommitmentV3, STANDARD.encode(commitment));
            }
        }
        let (cipher, wrapped, about) = match (self.format, wrap.holder()) {
            (Format::V1 | Format::V2, _) => (Name::CekAlg, Name::WrapAlg, Name::MatDesc),
            (Format::V3, Holder::Kms) => (Name::CipherV3, Name::WrapV3, Name::ContextV3),
            (Format::V3, Holder::AesKey | Holder::RsaKey) => (Name::CipherV3, Name::WrapV3, Name::MatDescV3),
        };
        put(cipher, self.content.name().to_owned());
        put(wrapped, wrap.code().filter(|_| self.format == Format::V3).unwrap_or(wrap.name()).to_owned());
        if about == Name::MatDesc || !description.is_empty() {
            put(about, pairs::to_json(description));
        }
        if let Some(bytes) = self.plaintext_bytes {
            put(Name::PlaintextLength, bytes.to_string());
        }
        parts
    }
}

/// AES-GCM's tag here, in bits.
const TAG_BITS: &str = "128";

/// The format whose key is there.
fn format(parts: &Parts) -> Result<Option<Format>, EnvelopeError> {
    let mut there = [Format::V1, Format::V2, Format::V3].into_iter().filter(|format| parts.contains_key(&format.key()));
    match (there.next(), there.next()) {
        (Some(one), Some(other)) => Err(EnvelopeError::TwoFormats(one.key(), other.key())),
        (found, _) => Ok(found),
    }
}

fn content(format: Format, parts: &Parts) -> Result<Content, EnvelopeError> {
    let tag_bits = parts.get(&Name::TagLen).map(String::as_str);
    match (format, optional(parts, if format == Format::V3 { Name::CipherV3 } else { Name::CekAlg })) {
        (Format::V1, None | Some("AES/CBC/PKCS5Padding")) | (Format::V2, Some("AES/CBC/PKCS5Padding")) => {
            match tag_bits {
                // What has a tag is no CBC: somebody has renamed it, so that the tag would not be asked for.
                Some(_) => Err(EnvelopeError::Contradicts { name: Name::TagLen, with: "AES/CBC/PKCS5Padding" }),
                None => Ok(Content::Cbc { iv: bytes(parts, Name::Iv)? }),
            }
        }
        (Format::V2, Some("AES/GCM/NoPadding")) => match tag_bits {
            None | Some(TAG_BITS) => Ok(Content::Gcm { iv: bytes(parts, Name::Iv)? }),
            Some(_) => Err(EnvelopeError::Value(Name::TagLen)),
        },
        (Format::V3, Some("115")) => Ok(Content::CommittedGcm {
            message_id: bytes(parts, Name::MessageIdV3)?,
            commitment: bytes(parts, Name::CommitmentV3)?,
        }),
        (Format::V1 | Format::V2, Some(_)) => Err(EnvelopeError::Value(Name::CekAlg)),
        (Format::V3, Some(_)) => Err(EnvelopeError::Value(Name::CipherV3)),
        (Format::V2, None) => Err(EnvelopeError::Missing(Name::CekAlg)),
        (Format::V3, None) => Err(EnvelopeError::Missing(Name::CipherV3)),
    }
}

fn encrypted_data_key(format: Format, parts: &Parts) -> Result<EncryptedDataKey, EnvelopeError> {
    let key = format.key();
    let bytes = STANDARD.decode(required(parts, key)?).map_err(|_| EnvelopeError::Value(key))?;
    if bytes.is_empty() || bytes.len() > ENCRYPTED_DATA_KEY_BYTES_MAX {
        return Err(EnvelopeError::Value(key));
    }
    let wrap = match format {
        Format::V1 => match optional(parts, Name::WrapAlg) {
            None if bytes.len() > AES_WRAPPED_BYTES_MAX => Some(Wrap::Rsa),
            None => Some(Wrap::Aes),
            Some(name) => Wrap::from_name(name).filter(|wrap| wrap.is_legacy()),
        }
        .ok_or(EnvelopeError::Value(Name::WrapAlg))?,
        Format::V2 => Wrap::from_name(required(parts, Name::WrapAlg)?)
            .filter(|wrap| !matches!(wrap, Wrap::Aes | Wrap::Rsa))
            .ok_or(EnvelopeError::Value(Name::WrapAlg))?,
        Format::V3 => Wrap::from_code(required(parts, Name::WrapV3)?).ok_or(EnvelopeError::Value(Name::WrapV3))?,
    };
    let (about, other) = match (format, wrap.holder()) {
        (Format::V1 | Format::V2, _) => (Name::MatDesc, None),
        (Format::V3, Holder::Kms) => (Name::ContextV3, Some(Name::MatDescV3)),
        (Format::V3, Holder::AesKey | Holder::RsaKey) => (Name::MatDescV3, Some(Name::ContextV3)),
    };
    // The one that does not count may be there and say nothing.
    if let Some(name) = other
        && !described(parts, name)?.is_empty()
    {
        return Err(EnvelopeError::Contradicts { name, with: wrap.name() });
    }
    Ok(EncryptedDataKey { wrap, bytes, description: described(parts, about)? })
}

fn optional(parts: &Parts, name: Name) -> Option<&str> {
    parts.get(&name).map(String::as_str)
}

fn required(parts: &Parts, name: Name) -> Result<&str, EnvelopeError> {
    optional(parts, name).ok_or(EnvelopeError::Missing(name))
}

fn bytes<const N: usize>(parts: &Parts, name: Name) -> Result<[u8; N], EnvelopeError> {
    let bytes = STANDARD.decode(required(parts, name)?).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(EnvelopeError::Value(name))
}

/// An absent description says nothing.
fn described(parts: &Parts, name: Name) -> Result<Pairs, EnvelopeError> {
    let pairs = optional(parts, name).map(|json| pairs::parse(json.as_bytes()));
    Ok(pairs.transpose().map_err(|error| EnvelopeError::Pairs(name, error))?.unwrap_or_default())
}
