//! The two framings Firehose writes snappy in; neither is the official one.
//!
//! snappy-java (SnappyOutputStream): a header of 16 bytes, then blocks of at most 32 KiB, each behind its compressed length.
//! Hadoop (BlockCompressorStream): blocks of at most 256 KiB, each behind its plain length and its compressed length. All
//! lengths are 32 bits, big-endian.
use snap::raw::Encoder;

/// 0x82 `SNAPPY` 0x00, version 1, readable by version 1.
const SNAPPY_JAVA_HEADER: [u8; 16] = *b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    SnappyJava,
    Hadoop,
}

impl Framing {
    const fn block_bytes(self) -> usize {
        match self {
            Self::SnappyJava => 32 * 1024,
            Self::Hadoop => 256 * 1024,
        }
    }
}

/// Blocks of a fixed size, whatever pieces come: the same bytes give the same blocks.
pub(super) struct SnappyWriter {
    framing: Framing,
    encoder: Encoder,
    waiting: Vec<u8>,
    out: Vec<u8>,
}

impl SnappyWriter {
    pub(super) fn new(framing: Framing) -> Self {
        let out = match framing {
            Framing::SnappyJava => SNAPPY_JAVA_HEADER.to_vec(),
            Framing::Hadoop => Vec::new(),
        };
        Self { framing, encoder: Encoder::new(), waiting: Vec::new(), out }
    }

    pub(super) fn push(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let room = self.framing.block_bytes() - self.waiting.len();
            let (now, later) = data.split_at(room.min(data.len()));
            self.waiting.extend_from_slice(now);
            data = later;
            if self.waiting.len() == self.framing.block_bytes() {
                self.block();
            }
        }
    }

    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.waiting.is_empty() {
            self.block();
        }
        self.out
    }

    fn block(&mut self) {
        let packed = self.encoder.compress_vec(&self.waiting).expect("a block is far below snappy's limit of 4 GiB");
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is small").to_be_bytes();
        if self.framing == Framing::Hadoop {
            self.out.extend_from_slice(&length(&self.waiting));
        }
        self.out.extend_from_slice(&length(&packed));
        self.out.extend_from_slice(&packed);
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(framing: Framing, data: &[u8]) -> Vec<u8> {
        let mut writer = SnappyWriter::new(framing);
        writer.push(data);
        writer.finish()
    }

    #[test]
    fn what_lies_between_the_lengths() {
        let java = packed(Framing::SnappyJava, b"abc");
        assert_eq!(java[..16], SNAPPY_JAVA_HEADER);
        assert_eq!(java[16..20], 5_u32.to_be_bytes(), "a byte of length, a byte of tag, three literals");
        assert_eq!(java[20..], [3, 2 << 2, b'a', b'b', b'c']);
        let hadoop = packed(Framing::Hadoop, b"abc");
        assert_eq!(hadoop[..8], [0, 0, 0, 3, 0, 0, 0, 5]);
        assert_eq!(packed(Framing::Hadoop, b""), b"", "nothing is written of nothing");
        let two_blocks = packed(Framing::SnappyJava, &[7; 32 * 1024 + 1]);
        let first = u32::from_be_bytes(two_blocks[16..20].try_into().unwrap()) as usize;
        let second = &two_blocks[20 + first..];
        assert_eq!(second[4..], snap::raw::Encoder::new().compress_vec(&[7]).unwrap());
    }
}
