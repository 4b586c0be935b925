//! How a batch's bytes are packed. The same records give the same bytes, at any time and on any machine.
mod snappy; // the two framings Firehose writes snappy in

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use self::snappy::{Framing, SnappyWriter};
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
    /// An archive of one deflated file.
    #[serde(rename = "ZIP")]
    Zip,
    /// The stream format of snappy-java.
    Snappy,
    /// The block format of Hadoop.
    #[serde(rename = "HADOOP_SNAPPY")]
    HadoopSnappy,
}

impl Compression {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Uncompressed, Self::Gzip, Self::Zip, Self::Snappy, Self::HadoopSnappy];

    /// As the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Uncompressed => "UNCOMPRESSED",
            Self::Gzip => "GZIP",
            Self::Zip => "ZIP",
            Self::Snappy => "Snappy",
            Self::HadoopSnappy => "HADOOP_SNAPPY",
        }
    }

    /// Parses a `CompressionFormat`.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`].
    pub fn parse(text: &str) -> Result<Self, DeliveryError> {
        let found = Self::ALL.into_iter().find(|format| format.as_str() == text);
        found.ok_or_else(|| DeliveryError::InvalidArgument(format!("`{text}` is not a CompressionFormat")))
    }

    /// What an object's name ends with, unless the stream says otherwise.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Uncompressed => "",
            Self::Gzip => ".gz",
            Self::Zip => ".zip",
            Self::Snappy | Self::HadoopSnappy => ".snappy",
        }
    }

    /// The object's Content-Encoding, as observed on AWS in August 2026.
    pub const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::Uncompressed | Self::Zip => None,
            Self::Gzip => Some("gzip"),
            Self::Snappy => Some("snappy-java"),
            Self::HadoopSnappy => Some("hadoop-snappy"),
        }
    }
}

/// Records gathered before they are packed: encoders are slow with a few bytes at a time. A batch that is smaller than this has no
/// encoder, with its hundreds of kilobytes, before it is finished.
const STEP_BYTES: usize = 64 * 1024;

/// Packs a batch as its records come.
pub struct Compressor {
    compression: Compression,
    key: String,
    /// Not packed yet.
    waiting: Vec<u8>,
    kind: Option<Kind>,
}

enum Kind {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zip(Box<ZipWriter<StreamWriter<Drained>>>, Drained),
    Snappy(Box<SnappyWriter>),
}

/// What an archive is written into, and taken out of while it grows.
#[derive(Clone, Default)]
struct Drained(Rc<RefCell<Vec<u8>>>);

impl Write for Drained {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Compressor {
    /// An empty batch, which is going to be the object `key`.
    pub fn new(compression: Compression, key: &str) -> Self {
        Self { compression, key: key.to_owned(), waiting: Vec::new(), kind: None }
    }

    /// Takes a record in.
    pub fn push(&mut self, data: &[u8]) {
        self.waiting.extend_from_slice(data);
        if self.waiting.len() >= STEP_BYTES {
            self.pack();
        }
    }

    fn pack(&mut self) -> &mut Kind {
        let kind = self.kind.get_or_insert_with(|| Kind::new(self.compression, &self.key));
        kind.push(&self.waiting);
        self.waiting.clear();
        kind
    }

    /// Takes out what is packed so far.
    pub fn take(&mut self) -> Vec<u8> {
        self.kind.as_mut().map_or_else(Vec::new, Kind::take)
    }

    /// The rest.
    pub fn finish(mut self) -> Vec<u8> {
        self.pack();
        self.kind.map_or_else(Vec::new, Kind::finish)
    }
}

/// An archive whose one file has the UUID of the object's key for a name, as AWS's have a UUID, and no time of its own.
fn zip(key: &str) -> Kind {
    let name = key.rsplit('/').next().unwrap_or_default();
    let uuid = name.len().checked_sub(36 + ".zip".len()).and_then(|at| name.get(at..at + 36));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT);
    let out = Drained::default();
    let mut writer = ZipWriter::new_stream(out.clone());
    writer.start_file(uuid.unwrap_or(name), options).expect("an archive in memory takes its first file");
    Kind::Zip(Box::new(writer), out)
}

impl Kind {
    fn new(compression: Compression, key: &str) -> Self {
        match compression {
            Compression::Uncompressed => Self::Plain(Vec::new()),
            // No time and no file name in the header: they would make equal batches differ.
            Compression::Gzip => {
                Self::Gzip(Box::new(GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default())))
            }
            Compression::Zip => zip(key),
            Compression::Snappy => Self::Snappy(Box::new(SnappyWriter::new(Framing::SnappyJava))),
            Compression::HadoopSnappy => Self::Snappy(Box::new(SnappyWriter::new(Framing::Hadoop))),
        }
    }

    fn push(&mut self, data: &[u8]) {
        match self {
            Self::Plain(out) => out.extend_from_slice(data),
            Self::Gzip(encoder) => encoder.write_all(data).expect("writing into memory does not fail"),
            Self::Zip(writer, _) => writer.write_all(data).expect("writing into memory does not fail"),
            Self::Snappy(writer) => writer.push(data),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Plain(out) => std::mem::take(out),
            Self::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Self::Zip(_, out) => out.0.take(),
            Self::Snappy(writer) => writer.take(),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Plain(out) => out,
            Self::Gzip(encoder) => encoder.finish().expect("writing into memory does not fail"),
            Self::Zip(writer, out) => {
                drop(writer.finish().expect("writing into memory does not fail"));
                out.0.take()
            }
            Self::Snappy(writer) => writer.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const KEY: &str = "2026/07/13/14/telemetry-1-2026-07-13-14-04-05-00000000-0000-4000-8000-000000000000.zip";

    fn pack(compression: Compression, take: bool) -> Vec<u8> {
        let mut packer = Compressor::new(compression, KEY);
        let mut out = Vec::new();
        for n in 0..20_000u32 {
            packer.push(format!("record {n}\n").as_bytes());
            if take {
                out.extend(packer.take());
            }
        }
        out.extend(packer.finish());
        out
    }

    #[test]
    fn every_format_is_a_function_of_the_records_and_smaller_than_they_are() {
        let plain = pack(Compression::Uncompressed, false);
        for compression in Compression::ALL {
            let packed = pack(compression, false);
            assert_eq!(pack(compression, true), packed, "{}", compression.as_str());
            assert!(packed.len() <= plain.len(), "{}", compression.as_str());
            assert_eq!(Compression::parse(compression.as_str()).unwrap(), compression);
        }
        assert!(Compression::parse("snappy").is_err());
    }

    #[test]
    fn gzip_and_zip_open_again() {
        let plain = pack(Compression::Uncompressed, false);
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(&pack(Compression::Gzip, true)[..]).read_to_end(&mut out).unwrap();
        assert!(out == plain);
        let mut archive = zip::ZipArchive::new(io::Cursor::new(pack(Compression::Zip, true))).unwrap();
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).unwrap();
        assert_eq!(file.name().unwrap(), "00000000-0000-4000-8000-000000000000");
        let mut out = Vec::new();
        file.read_to_end(&mut out).unwrap();
        assert!(out == plain);
    }
}
