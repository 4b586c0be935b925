//! Each entry holds the hash of the one before, so that none can be changed, left out or put in between afterwards without
//! changing every hash that follows.
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};

/// SHA-256 of an entry: of the hash it holds and of its record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// An entry by its number and its hash: `1042:9f86…`. Whoever notes one down can ask later whether it is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number; the first is 1.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Hash {
    /// Of what is before the first entry.
    pub(crate) const NOTHING: Self = Self([0; 32]);

    /// An entry as it is written: the hash of the one before, and the record.
    pub(crate) fn entry(self, record: &[u8]) -> Vec<u8> {
        [&self.0, record].concat()
    }

    /// The hash an entry holds, and its record.
    pub(crate) fn split(entry: &[u8]) -> Option<(Self, &[u8])> {
        entry.split_first_chunk().map(|(before, record)| (Self(*before), record))
    }

    /// Of an entry.
    pub(crate) fn of(entry: &[u8]) -> Self {
        Self(digest(&SHA256, entry).as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.number, self.hash)
    }
}

/// Not a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number, a colon and 64 hexadecimal digits")]
pub struct NotALink;

impl FromStr for Link {
    type Err = NotALink;

    fn from_str(text: &str) -> Result<Self, NotALink> {
        let (number, hex) = text.trim().split_once(':').ok_or(NotALink)?;
        if hex.len() != 64 || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotALink);
        }
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| NotALink)?;
        }
        Ok(Self { number: number.parse().map_err(|_| NotALink)?, hash: Hash(hash) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_read_as_it_is_written() {
        let link = Link { number: 7, hash: Hash::of(b"seven") };
        assert_eq!(link.to_string().parse(), Ok(link));
        let zeros = "0".repeat(64);
        for bad in [
            "",
            "7",
            "7:",
            "x:00",
            &format!("7:{}", &zeros[1..]),
            &format!("-1:{zeros}"),
            &format!("7:{}+1", &zeros[2..]),
        ] {
            assert_eq!(bad.parse::<Link>(), Err(NotALink), "{bad}");
        }
    }
}
