//! The types of properties' values, and the fields that hold them.
use std::num::{NonZeroU16, NonZeroU32};

use super::{SubscriptionIdentifier, UserProperty};
use crate::error::DecodeError;
use crate::reader::Reader;
use crate::writer::Sink;
use crate::{BinaryData, QoS, Utf8String};

/// The type of one property's value.
pub(super) trait Value: Sized {
    fn read(identifier: u32, reader: &mut Reader) -> Result<Self, DecodeError>;
    fn write(&self, sink: &mut impl Sink);
}

/// A field: what may be there once, or any number of times.
pub(super) trait Slot {
    fn put(&mut self, identifier: u32, reader: &mut Reader) -> Result<(), DecodeError>;
    fn write(&self, identifier: u8, sink: &mut impl Sink);
}

impl<V: Value> Slot for Option<V> {
    fn put(&mut self, identifier: u32, reader: &mut Reader) -> Result<(), DecodeError> {
        if self.is_some() {
            return Err(DecodeError::PropertyTwice { identifier });
        }
        *self = Some(V::read(identifier, reader)?);
        Ok(())
    }

    fn write(&self, identifier: u8, sink: &mut impl Sink) {
        if let Some(value) = self {
            sink.u8(identifier);
            value.write(sink);
        }
    }
}

impl<V: Value> Slot for Vec<V> {
    fn put(&mut self, identifier: u32, reader: &mut Reader) -> Result<(), DecodeError> {
        self.push(V::read(identifier, reader)?);
        Ok(())
    }

    fn write(&self, identifier: u8, sink: &mut impl Sink) {
        for value in self {
            sink.u8(identifier);
            value.write(sink);
        }
    }
}

impl Value for bool {
    fn read(identifier: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::PropertyValue { identifier }),
        }
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u8(u8::from(*self));
    }
}

impl Value for QoS {
    fn read(identifier: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.u8()? {
            0 => Ok(Self::AtMostOnce),
            1 => Ok(Self::AtLeastOnce),
            _ => Err(DecodeError::PropertyValue { identifier }), // Maximum QoS is 0 or 1: MQTT5 §3.2.2.3.4
        }
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u8(self.number());
    }
}

impl Value for u16 {
    fn read(_: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.u16()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u16(*self);
    }
}

impl Value for u32 {
    fn read(_: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.u32()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u32(*self);
    }
}

impl Value for NonZeroU16 {
    fn read(identifier: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        Self::new(reader.u16()?).ok_or(DecodeError::PropertyValue { identifier })
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u16(self.get());
    }
}

impl Value for NonZeroU32 {
    fn read(identifier: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        Self::new(reader.u32()?).ok_or(DecodeError::PropertyValue { identifier })
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.u32(self.get());
    }
}

impl Value for SubscriptionIdentifier {
    fn read(identifier: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        Self::new(reader.variable_byte_integer()?).ok_or(DecodeError::PropertyValue { identifier })
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.variable_byte_integer(self.number());
    }
}

impl Value for Utf8String {
    fn read(_: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.utf8_string()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.length_prefixed(self.bytes());
    }
}

impl Value for BinaryData {
    fn read(_: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.binary_data()
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.length_prefixed(self.bytes());
    }
}

impl Value for UserProperty {
    fn read(_: u32, reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self { name: reader.utf8_string()?, value: reader.utf8_string()? })
    }

    fn write(&self, sink: &mut impl Sink) {
        sink.length_prefixed(self.name.bytes());
        sink.length_prefixed(self.value.bytes());
    }
}
