//! Takes the fields off one packet, front to back, without copying.
use bytes::{Buf, Bytes};

use crate::error::DecodeError;
use crate::{BinaryData, PacketIdentifier, PacketType, Utf8String};

/// What is left of a packet.
pub(crate) struct Reader {
    rest: Bytes,
}

impl Reader {
    /// Over all that follows the fixed header.
    pub(crate) fn new(rest: Bytes) -> Self {
        Self { rest }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.rest.try_get_u8().map_err(|_| DecodeError::Truncated)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.rest.try_get_u16().map_err(|_| DecodeError::Truncated)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.rest.try_get_u32().map_err(|_| DecodeError::Truncated)
    }

    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, DecodeError> {
        let (value, width) = variable_byte_integer(&self.rest)?.ok_or(DecodeError::Truncated)?;
        self.rest.advance(width);
        Ok(value)
    }

    pub(crate) fn packet_identifier(&mut self) -> Result<PacketIdentifier, DecodeError> {
        PacketIdentifier::new(self.u16()?).ok_or(DecodeError::PacketIdentifierZero)
    }

    pub(crate) fn utf8_string(&mut self) -> Result<Utf8String, DecodeError> {
        Ok(Utf8String::parse(self.length_prefixed()?)?)
    }

    pub(crate) fn binary_data(&mut self) -> Result<BinaryData, DecodeError> {
        Ok(BinaryData::new(self.length_prefixed()?)?)
    }

    /// The next `length` bytes, as a reader of their own.
    pub(crate) fn section(&mut self, length: usize) -> Result<Self, DecodeError> {
        Ok(Self { rest: self.take(length)? })
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> Bytes {
        self.rest
    }

    /// That nothing is left.
    pub(crate) fn end(self, packet_type: PacketType) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes { packet_type }) }
    }

    fn length_prefixed(&mut self) -> Result<Bytes, DecodeError> {
        let length = usize::from(self.u16()?);
        self.take(length)
    }

    fn take(&mut self, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.rest.len() {
            return Err(DecodeError::Truncated);
        }
        Ok(self.rest.split_to(length))
    }
}

/// The Variable Byte Integer at the front of `bytes` and its width, or `None` if it goes on after them.
pub(crate) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().take(4).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return Err(DecodeError::VariableByteInteger);
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 4 { Err(DecodeError::VariableByteInteger) } else { Ok(None) }
}
