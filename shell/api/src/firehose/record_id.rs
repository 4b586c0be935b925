//! `RecordId`: unique and opaque.
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_journal::Sequence;
use sekisho_types::DeliveryStreamName;
use serde::{Serialize, Serializer};

/// Bytes of the digest that all records of a request have in common: 28 characters.
const COMMON_BYTES: usize = 21;

/// The ids of one request's records: a digest of where in the journal they are and of whose they are, which is taken once, and
/// each one's place among them.
pub(super) struct RecordIds([u8; COMMON_BYTES / 3 * 4]);

/// One of them: 32 characters of the alphabet that URLs take as they are.
pub(super) struct RecordId([u8; COMMON_BYTES / 3 * 4 + 4]);

impl RecordIds {
    /// `sequence` is that of their entry in the journal.
    pub(super) fn new(stream: &DeliveryStreamName, sequence: Sequence) -> Self {
        let digest = digest(&SHA256, format!("{stream}\n{}", sequence.0).as_bytes());
        let mut common = [0; COMMON_BYTES / 3 * 4];
        encode(&digest.as_ref()[..COMMON_BYTES], &mut common);
        Self(common)
    }

    /// Of the record at `place`, counted from 0.
    pub(super) fn at(&self, place: u16) -> RecordId {
        let mut id = [0; COMMON_BYTES / 3 * 4 + 4];
        let (common, own) = id.split_at_mut(self.0.len());
        common.copy_from_slice(&self.0);
        let [high, low] = place.to_be_bytes();
        encode(&[0, high, low], own);
        RecordId(id)
    }
}

fn encode(bytes: &[u8], out: &mut [u8]) {
    let written = URL_SAFE_NO_PAD.encode_slice(bytes, out);
    written.expect("three bytes are four characters");
}

impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.0).expect("base64 is ASCII"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_by_stream_sequence_and_place() {
        let mut seen = HashSet::new();
        for stream in ["a", "b"] {
            let stream = DeliveryStreamName::parse(stream).unwrap();
            for sequence in 1..20 {
                let ids = RecordIds::new(&stream, Sequence(sequence));
                for place in 0..500 {
                    let id = serde_json::to_value(ids.at(place)).unwrap();
                    assert_eq!(id.as_str().unwrap().len(), 32);
                    assert!(seen.insert(id));
                }
            }
        }
    }
}
