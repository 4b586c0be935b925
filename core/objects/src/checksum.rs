//! The digests S3 knows: computed while a body passes, compared with what the caller claims, kept with the object.
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

/// `x-amz-checksum-…`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumAlgorithm {
    /// ISO 3309.
    CRC32,
    /// Castagnoli.
    CRC32C,
    /// What S3 computes when nobody asks for another.
    CRC64NVME,
    /// FIPS 180-4.
    SHA1,
    /// FIPS 180-4.
    SHA256,
    /// FIPS 180-4.
    SHA512,
    /// RFC 1321.
    MD5,
}

impl ChecksumAlgorithm {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::CRC32, Self::CRC32C, Self::CRC64NVME, Self::SHA1, Self::SHA256, Self::SHA512, Self::MD5];

    /// As XML and `x-amz-sdk-checksum-algorithm` spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CRC32 => "CRC32",
            Self::CRC32C => "CRC32C",
            Self::CRC64NVME => "CRC64NVME",
            Self::SHA1 => "SHA1",
            Self::SHA256 => "SHA256",
            Self::SHA512 => "SHA512",
            Self::MD5 => "MD5",
        }
    }

    /// The header, and the trailer.
    pub const fn header(self) -> &'static str {
        match self {
            Self::CRC32 => "x-amz-checksum-crc32",
            Self::CRC32C => "x-amz-checksum-crc32c",
            Self::CRC64NVME => "x-amz-checksum-crc64nvme",
            Self::SHA1 => "x-amz-checksum-sha1",
            Self::SHA256 => "x-amz-checksum-sha256",
            Self::SHA512 => "x-amz-checksum-sha512",
            Self::MD5 => "x-amz-checksum-md5",
        }
    }

    /// From [`ChecksumAlgorithm::as_str`] in any letter case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
    }

    /// Bytes of the digest.
    pub const fn bytes(self) -> usize {
        match self {
            Self::CRC32 | Self::CRC32C => 4,
            Self::CRC64NVME => 8,
            Self::SHA1 => 20,
            Self::SHA256 => 32,
            Self::SHA512 => 64,
            Self::MD5 => 16,
        }
    }

    /// Whether `text` is base64 of a digest of this length.
    pub fn fits(self, text: &str) -> bool {
        STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == self.bytes())
    }
}

/// A digest of a whole body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Which.
    pub algorithm: ChecksumAlgorithm,
    /// In base64, as headers and XML carry it.
    pub value: String,
}

/// The digests of a body that is passing by.
pub struct Digests {
    algorithm: ChecksumAlgorithm,
    running: Running,
    md5: Option<Md5>,
}

enum Running {
    Crc(Box<Crc>),
    Sha(Box<digest::Context>),
    Md5(Md5),
}

impl Digests {
    /// One checksum, and MD5 where somebody needs it: it is the slowest of all, so only where the ETag is one or the caller
    /// sent one.
    pub fn new(algorithm: ChecksumAlgorithm, with_md5: bool) -> Self {
        let crc = |algorithm| Running::Crc(Box::new(Crc::new(algorithm)));
        let sha = |algorithm| Running::Sha(Box::new(digest::Context::new(algorithm)));
        let running = match algorithm {
            ChecksumAlgorithm::CRC32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::CRC32C => crc(CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::CRC64NVME => crc(CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::SHA1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            ChecksumAlgorithm::SHA256 => sha(&digest::SHA256),
            ChecksumAlgorithm::SHA512 => sha(&digest::SHA512),
            ChecksumAlgorithm::MD5 => Running::Md5(Md5::new()),
        };
        Self { algorithm, running, md5: with_md5.then(Md5::new) }
    }

    /// More of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Crc(crc) => crc.update(bytes),
            Running::Sha(sha) => sha.update(bytes),
            Running::Md5(md5) => md5.update(bytes),
        }
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    /// The checksum, and the MD5 if it was asked for.
    pub fn finish(self) -> (Checksum, Option<[u8; 16]>) {
        let value = match self.running {
            Running::Crc(crc) => {
                let bytes = crc.finalize().to_be_bytes();
                STANDARD.encode(&bytes[8 - self.algorithm.bytes()..])
            }
            Running::Sha(sha) => STANDARD.encode(sha.finish()),
            Running::Md5(md5) => STANDARD.encode(md5.finalize()),
        };
        (Checksum { algorithm: self.algorithm, value }, self.md5.map(|md5| md5.finalize().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // source                                        algorithm                    of "123456789", base64
    const CHECKS: &[(&str, ChecksumAlgorithm, &str)] = &[
        ("CRC catalogue, CRC-32/ISO-HDLC, check 0xcbf43926",          ChecksumAlgorithm::CRC32,     "y/Q5Jg=="),
        ("CRC catalogue, CRC-32/ISCSI, check 0xe3069283",             ChecksumAlgorithm::CRC32C,    "4waSgw=="),
        ("CRC catalogue, CRC-64/NVME, check 0xae8b14860a799888",      ChecksumAlgorithm::CRC64NVME, "rosUhgp5mIg="),
        ("FIPS 180-4",                                                ChecksumAlgorithm::SHA1,      "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ("FIPS 180-4",                                                ChecksumAlgorithm::SHA256,    "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ("FIPS 180-4",                                                ChecksumAlgorithm::SHA512,    "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ=="),
        ("RFC 1321",                                                  ChecksumAlgorithm::MD5,       "JfnnlDI7RTiF9RgfG2JNCw=="),
    ];

    #[test]
    fn check_values() {
        for (source, algorithm, value) in CHECKS {
            let mut digests = Digests::new(*algorithm, true);
            digests.update(b"1234");
            digests.update(b"56789");
            let (checksum, md5) = digests.finish();
            assert_eq!(checksum.value, *value, "{source}");
            assert_eq!(md5.map(|md5| md5[0]), Some(0x25), "{source}: MD5 25f9e794…");
            assert!(algorithm.fits(value) && !algorithm.fits("AA=="));
            assert_eq!(ChecksumAlgorithm::parse(&algorithm.as_str().to_lowercase()), Some(*algorithm));
        }
    }
}
