//! The protocol's primitive types (protocol guide, "Protocol Primitive Types").
use crate::KafkaError;

/// A request while it is written.
#[derive(Debug, Default)]
pub(crate) struct Writer(pub Vec<u8>);

impl Writer {
    pub(crate) fn int8(&mut self, value: i8) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn int16(&mut self, value: i16) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn int32(&mut self, value: i32) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    pub(crate) fn int64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_be_bytes())
    }

    /// At most 32,767 bytes of it: what is longer was refused before.
    pub(crate) fn string(&mut self, text: &str) -> &mut Self {
        let length = i16::try_from(text.len()).unwrap_or(i16::MAX);
        self.int16(length).raw(&text.as_bytes()[..text.len().min(length as usize)])
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.int32(i32::try_from(bytes.len()).unwrap_or(i32::MAX)).raw(bytes)
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// `VARLONG`, zigzag.
    pub(crate) fn varint(&mut self, value: i64) -> &mut Self {
        let mut rest = ((value << 1) ^ (value >> 63)) as u64;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
        self
    }

    /// Bytes of a record; `None` is null.
    pub(crate) fn varint_bytes(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            None => self.varint(-1),
            Some(bytes) => self.varint(bytes.len() as i64).raw(bytes),
        }
    }
}

/// An answer while it is read.
#[derive(Debug)]
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], KafkaError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(KafkaError::NotAnAnswer)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], KafkaError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(KafkaError::NotAnAnswer)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, KafkaError> {
        self.take::<1>().map(|[byte]| byte != 0)
    }

    pub(crate) fn int16(&mut self) -> Result<i16, KafkaError> {
        self.take().map(i16::from_be_bytes)
    }

    pub(crate) fn int32(&mut self) -> Result<i32, KafkaError> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn int64(&mut self) -> Result<i64, KafkaError> {
        self.take().map(i64::from_be_bytes)
    }

    /// `NULLABLE_STRING`
    pub(crate) fn nullable_string(&mut self) -> Result<Option<&'a str>, KafkaError> {
        let Ok(length) = usize::try_from(self.int16()?) else { return Ok(None) };
        std::str::from_utf8(self.slice(length)?).map(Some).map_err(|_| KafkaError::NotAnAnswer)
    }

    pub(crate) fn string(&mut self) -> Result<&'a str, KafkaError> {
        self.nullable_string()?.ok_or(KafkaError::NotAnAnswer)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], KafkaError> {
        let length = usize::try_from(self.int32()?).map_err(|_| KafkaError::NotAnAnswer)?;
        self.slice(length)
    }

    /// Each element is read before the next is believed in.
    pub(crate) fn array<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, KafkaError>,
    ) -> Result<Vec<T>, KafkaError> {
        let mut elements = Vec::new();
        for _ in 0..self.int32()?.max(0) {
            elements.push(read(self)?);
        }
        Ok(elements)
    }
}
