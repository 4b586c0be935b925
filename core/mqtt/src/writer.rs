//! Puts fields into a buffer, or only counts them: one description of a packet serves both passes.
use bytes::{BufMut, BytesMut};

use crate::PacketIdentifier;

/// Where the fields of a packet go.
pub(crate) trait Sink {
    fn slice(&mut self, bytes: &[u8]);

    fn u8(&mut self, value: u8) {
        self.slice(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.slice(&value.to_be_bytes());
    }

    fn packet_identifier(&mut self, value: PacketIdentifier) {
        self.u16(value.number());
    }

    fn variable_byte_integer(&mut self, mut value: u32) {
        while value > 0x7F {
            self.u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.u8(value as u8);
    }

    /// A UTF-8 Encoded String or Binary Data, whose types bound their length.
    fn length_prefixed(&mut self, bytes: &[u8]) {
        self.u16(
            u16::try_from(bytes.len()).expect("Utf8String, BinaryData and topic filters have at most 65535 bytes"),
        );
        self.slice(bytes);
    }
}

impl Sink for BytesMut {
    fn slice(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

/// Counts what `write` writes.
pub(crate) fn count(write: impl FnOnce(&mut Counter)) -> u32 {
    let mut counter = Counter(0);
    write(&mut counter);
    u32::try_from(counter.0).unwrap_or(u32::MAX)
}

/// A sink that keeps nothing.
pub(crate) struct Counter(usize);

impl Sink for Counter {
    fn slice(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}
