//! Records (protocol guide, "Record Batch"), and the partition each belongs in.
use std::io::Write;

use crc_fast::{CrcAlgorithm, checksum};
use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;
use sekisho_types::Timestamp;

use crate::error::KafkaError;
use crate::properties::Compression;
use crate::wire::Writer;

/// The longest key and value together, and the headers beside. What is longer no broker takes as it is shipped (`message.max.bytes`, 1 MiB).
const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// What a topic is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Without, it goes to any partition.
    pub key: Option<&'a [u8]>,
    /// What it says.
    pub value: &'a [u8],
    /// In their order; names may repeat.
    pub headers: Vec<(&'a str, &'a [u8])>,
    /// When it was made.
    pub timestamp: Timestamp,
}

impl Record<'_> {
    /// A batch of this record alone.
    ///
    /// # Errors
    /// [`KafkaError::Record`] for one that no broker takes.
    pub fn batch(&self, compression: Compression) -> Result<Vec<u8>, KafkaError> {
        let headers = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        if self.key.map_or(0, <[u8]>::len) + self.value.len() + headers > RECORD_BYTES_MAX {
            return Err(KafkaError::Record(format!("a record has at most {RECORD_BYTES_MAX} bytes")));
        }
        let mut inner = Writer::default();
        // attributes, timestamp delta, offset delta
        inner.int8(0).varint(0).varint(0).varint_bytes(self.key).varint_bytes(Some(self.value));
        inner.varint(self.headers.len() as i64);
        for (name, value) in &self.headers {
            inner.varint(name.len() as i64).raw(name.as_bytes()).varint_bytes(Some(value));
        }
        let mut records = Writer::default();
        records.varint(inner.0.len() as i64).raw(&inner.0);
        let records = compression.compress(records.0);

        let at = self.timestamp.millis();
        let mut checked = Writer::default();
        checked.int16(compression.code()).int32(0).int64(at).int64(at); // attributes, last offset delta, first and last time
        checked.int64(-1).int16(-1).int32(-1).int32(1).raw(&records); // no producer id, epoch or sequence; one record
        let crc = checksum(CrcAlgorithm::Crc32Iscsi, &checked.0) as u32;
        let mut batch = Writer::default();
        let length = checked.0.len() + 4 + 1 + 4;
        batch.int64(0).int32(length as i32).int32(-1).int8(2).raw(&crc.to_be_bytes()).raw(&checked.0);
        Ok(batch.0)
    }
}

impl Compression {
    const fn code(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Lz4 => 3,
        }
    }

    fn compress(self, records: Vec<u8>) -> Vec<u8> {
        let written = match self {
            Self::None => return records,
            Self::Gzip => {
                let mut out = GzEncoder::new(Vec::new(), flate2::Compression::default());
                out.write_all(&records).and_then(|()| out.finish())
            }
            Self::Lz4 => {
                let mut out = FrameEncoder::new(Vec::new());
                out.write_all(&records).and_then(|()| out.finish().map_err(Into::into))
            }
        };
        written.expect("memory takes what is written to it")
    }
}

/// Which of so many partitions a key belongs in, as Java's client has it (`BuiltInPartitioner`): all who write a key write it to one.
pub fn partition_of(key: &[u8], partitions: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % partitions.max(1)
}

/// MurmurHash2, 32 bits, by Austin Appleby; the seed is Kafka's.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Kafka's own tests (`UtilsTest.testMurmur2`).
    #[test]
    fn a_key_has_the_partition_that_java_s_client_gives_it() {
        #[rustfmt::skip]
        let table: &[(&str, i32)] = &[
            ("21",                                      -973_932_308),
            ("foobar",                                  -790_332_482),
            ("a-little-bit-long-string",                -985_981_536),
            ("a-little-bit-longer-string",              -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc",                                     479_470_107),
        ];
        for (key, hash) in table {
            assert_eq!(murmur2(key.as_bytes()) as i32, *hash, "{key}");
        }
        assert!(partition_of(b"abc", 3) < 3 && partition_of(b"abc", 0) == 0);
    }

    #[test]
    fn a_record_too_long_is_refused() {
        let value = vec![0; RECORD_BYTES_MAX + 1];
        let mut record =
            Record { key: None, value: &value, headers: Vec::new(), timestamp: Timestamp::from_seconds(1) };
        assert!(matches!(record.batch(Compression::None), Err(KafkaError::Record(_))));
        record.value = &value[1..];
        assert!(record.batch(Compression::Gzip).unwrap().len() < 10_000);
        assert!(record.batch(Compression::Lz4).unwrap().len() < 10_000);
        assert!(record.batch(Compression::None).unwrap().len() > RECORD_BYTES_MAX);
    }
}
