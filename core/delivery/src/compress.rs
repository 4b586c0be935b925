//! How a batch's bytes are packed. The same records give the same bytes, at any time and on any machine.
use std::io::Write;

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::DeliveryError;

/// `CompressionFormat`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// The records as they were put, one after the other.
    #[default]
    #[serde(rename = "UNCOMPRESSED")]
    Uncompressed,
    /// One gzip member.
    #[serde(rename = "GZIP")]
    Gzip,
}

impl Compression {
    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uncompressed => "UNCOMPRESSED",
            Self::Gzip => "GZIP",
        }
    }

    /// Parses a `CompressionFormat`.
    ///
    /// # Errors
    /// [`DeliveryError::NotOffered`] for those AWS has and we do not; [`DeliveryError::InvalidArgument`].
    pub fn parse(text: &str) -> Result<Self, DeliveryError> {
        match text {
            "UNCOMPRESSED" => Ok(Self::Uncompressed),
            "GZIP" => Ok(Self::Gzip),
            "ZIP" | "Snappy" | "HADOOP_SNAPPY" => Err(DeliveryError::NotOffered(format!("CompressionFormat {text}"))),
            other => Err(DeliveryError::InvalidArgument(format!("`{other}` is not a CompressionFormat"))),
        }
    }

    /// What an object's name ends with, unless the stream says otherwise.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Uncompressed => "",
            Self::Gzip => ".gz",
        }
    }

    /// The object's Content-Encoding.
    pub const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Uncompressed => None,
            Self::Gzip => Some("gzip"),
        }
    }
}

/// Packs a batch as its records come.
pub struct Compressor(Kind);

enum Kind {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Compressor {
    /// An empty batch.
    pub fn new(compression: Compression) -> Self {
        Self(match compression {
            Compression::Uncompressed => Kind::Plain(Vec::new()),
            // No time and no file name in the header: they would make equal batches differ.
            Compression::Gzip => {
                Kind::Gzip(Box::new(GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default())))
            }
        })
    }

    /// Takes a record in.
    pub fn push(&mut self, data: &[u8]) {
        match &mut self.0 {
            Kind::Plain(out) => out.extend_from_slice(data),
            Kind::Gzip(encoder) => encoder.write_all(data).expect("writing into memory does not fail"),
        }
    }

    /// Takes out what is packed so far.
    pub fn take(&mut self) -> Vec<u8> {
        match &mut self.0 {
            Kind::Plain(out) => std::mem::take(out),
            Kind::Gzip(encoder) => std::mem::take(encoder.get_mut()),
        }
    }

    /// The rest.
    pub fn finish(self) -> Vec<u8> {
        match self.0 {
            Kind::Plain(out) => out,
            Kind::Gzip(encoder) => encoder.finish().expect("writing into memory does not fail"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn gzip_opens_again_and_is_a_function_of_the_records() {
        let pack = |take: bool| {
            let mut packer = Compressor::new(Compression::Gzip);
            let mut out = Vec::new();
            for n in 0..5000u32 {
                packer.push(format!("record {n}\n").as_bytes());
                if take {
                    out.extend(packer.take());
                }
            }
            out.extend(packer.finish());
            out
        };
        assert_eq!(pack(true), pack(false));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&pack(true)[..]).read_to_string(&mut text).unwrap();
        assert!(text.starts_with("record 0\n") && text.ends_with("record 4999\n"));
    }
}
