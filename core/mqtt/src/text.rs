//! Texts and binary data, as slices of the packet they came in.
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use bytestring::ByteString;

/// A UTF-8 Encoded String (MQTT5 §1.5.4): at most 65,535 bytes, well-formed, without NUL.
///
/// It is a slice of the buffer it was decoded from, so that a topic costs no allocation; whoever keeps one for long
/// keeps that whole buffer, and should keep [`Utf8String::detached`] instead.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Utf8String(ByteString);

/// Why bytes are no UTF-8 Encoded String or Binary Data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// [MQTT-1.5.4-1]
    #[error("text is not well-formed UTF-8")]
    Utf8,
    /// [MQTT-1.5.4-2]
    #[error("text holds a NUL character")]
    Nul,
    /// MQTT5 §1.5.4, §1.5.6
    #[error("a string or binary data has at most 65535 bytes")]
    TooLong,
}

impl Utf8String {
    /// Parses bytes that may be anything.
    pub fn parse(bytes: Bytes) -> Result<Self, TextError> {
        if bytes.len() > usize::from(u16::MAX) {
            return Err(TextError::TooLong);
        }
        let text = ByteString::try_from(bytes).map_err(|_| TextError::Utf8)?;
        if memchr::memchr(0, text.as_bytes()).is_some() {
            return Err(TextError::Nul);
        }
        Ok(Self(text))
    }

    /// Copies a text.
    pub fn copied(text: &str) -> Result<Self, TextError> {
        Self::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text in a buffer of its own.
    pub fn detached(&self) -> Self {
        Self(self.as_str().into())
    }

    /// Its bytes, shared.
    pub fn bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }
}

impl Deref for Utf8String {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for Utf8String {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Debug for Utf8String {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Utf8String {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

/// Binary Data (MQTT5 §1.5.6): at most 65,535 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BinaryData(Bytes);

impl BinaryData {
    /// Takes bytes that fit.
    pub fn new(bytes: Bytes) -> Result<Self, TextError> {
        if bytes.len() > usize::from(u16::MAX) { Err(TextError::TooLong) } else { Ok(Self(bytes)) }
    }

    /// The same bytes in a buffer of their own.
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// Its bytes, shared.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }
}

/// The Password of a CONNECT, which no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(BinaryData);

impl Password {
    /// Takes it over.
    pub fn new(password: BinaryData) -> Self {
        Self(password)
    }

    /// The password itself. Each call is a place to review.
    pub fn expose(&self) -> &Bytes {
        self.0.bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
