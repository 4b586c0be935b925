//! Random ids of 16 bytes, written as 32 hexadecimal digits.
use std::fmt;

use sekisho_types::Random;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

fn parse(text: &str) -> Option<[u8; 16]> {
    let mut id = [0; 16];
    let digits = text.as_bytes();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

fn write(f: &mut fmt::Formatter<'_>, id: &[u8; 16]) -> fmt::Result {
    id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A fresh one.
            pub fn new(random: &mut dyn Random) -> Self {
                let mut id = [0; 16];
                random.fill(&mut id);
                Self(id)
            }

            /// From its bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Parses 32 hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write(f, &self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not 32 hexadecimal digits"))
            }
        }
    };
}

id! {
    /// Names the file that holds a body. Random, so that no two bodies ever share one.
    BlobId
}
id! {
    /// Names an upload in parts.
    UploadId
}

/// Names a version of an object. What is put while versioning is off has the id `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(Option<[u8; 16]>);

impl VersionId {
    /// `null`
    pub const NULL: Self = Self(None);

    /// A fresh one.
    pub fn new(random: &mut dyn Random) -> Self {
        let mut id = [0; 16];
        random.fill(&mut id);
        Self(Some(id))
    }

    /// Whether it is `null`.
    pub const fn is_null(&self) -> bool {
        self.0.is_none()
    }

    /// Parses `null` or 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" { Some(Self::NULL) } else { parse(text).map(|id| Self(Some(id))) }
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("null"),
            Some(id) => write(f, id),
        }
    }
}

impl Serialize for VersionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VersionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("neither null nor 32 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_it_parses() {
        let id = BlobId::from_bytes([0xab; 16]);
        assert_eq!(BlobId::parse(&id.to_string()), Some(id));
        let version = VersionId::new(&mut |out: &mut [u8]| out.fill(7));
        for version in [version, VersionId::NULL] {
            assert_eq!(VersionId::parse(&version.to_string()), Some(version));
        }
        for text in ["", "ab", &"zz".repeat(16), &"ab".repeat(17), &"é".repeat(16)] {
            assert_eq!((BlobId::parse(text), VersionId::parse(text)), (None, None), "{text}");
        }
    }
}
