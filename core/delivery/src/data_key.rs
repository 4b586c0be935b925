//! The data keys of a stream whose records are a customer's to lock: wrapped by KMS in the fold, open in memory.
//!
//! A record is sealed with AES-256-GCM under one of them before it goes into the journal, which seals it once more. Format:
//! `docs/format/record.md`, section 1.
use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sekisho_types::{SecretKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::RecordEntry;

/// What sealing adds to a record's data.
pub(crate) const TAG_BYTES: usize = 16;
/// Records a data key seals, 16 TiB of them at their largest. And then: a new key. AES-GCM would bear far more.
const RECORDS_MAX: u64 = 1 << 24;

/// A data key as KMS wrapped it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedDataKey {
    /// Counts the stream's data keys; its records carry it. Never used again.
    pub number: u32,
    /// The KMS key that wrapped it.
    pub key_arn: String,
    /// Base64 of the ciphertext blob.
    pub ciphertext_blob: String,
    /// When it was made.
    pub made_at: Timestamp,
}

/// The data keys of one stream that a record may still need, by number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DataKeys {
    pub next: u32,
    pub wrapped: BTreeMap<u32, WrappedDataKey>,
}

/// A data key, open. Wiped when it is dropped.
pub struct RecordKey {
    number: u32,
    cipher: LessSafeKey,
    next: u64,
}

/// How a record's data was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal<'a> {
    /// The data key's number.
    pub key: u32,
    /// The nonce: how many records that key had sealed before.
    pub counter: u64,
    /// What stands before the data, and is bound to it.
    pub(crate) head: &'a [u8],
}

/// The data does not open: another key, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record does not open under its data key")]
pub struct OpenError;

impl fmt::Debug for WrappedDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedDataKey").field("number", &self.number).finish_non_exhaustive()
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordKey").field("number", &self.number).finish_non_exhaustive()
    }
}

impl RecordKey {
    /// The data key with this number. One that is to seal must never have sealed before: its nonces count from 0.
    pub fn new(number: u32, key: &SecretKey) -> Self {
        let cipher = UnboundKey::new(&AES_256_GCM, key.expose()).expect("a SecretKey has 32 bytes");
        Self { number, cipher: LessSafeKey::new(cipher), next: 0 }
    }

    /// Which of the stream's.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Whether it may seal this many more.
    pub fn has_room(&self, records: usize) -> bool {
        self.next + records as u64 <= RECORDS_MAX
    }

    /// The next nonce. Each is given out once.
    pub(crate) fn take_counter(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Seals `data` in place; the tag goes behind it.
    pub(crate) fn seal(&self, counter: u64, head: &[u8], data: &mut [u8]) -> [u8; TAG_BYTES] {
        let tag = self.cipher.seal_in_place_separate_tag(nonce(counter), Aad::from(head), data);
        let tag = tag.expect("far below AES-GCM's limit");
        tag.as_ref().try_into().expect("a tag has 16 bytes")
    }

    /// What a record of this key holds.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, record: &RecordEntry<'_>) -> Result<Vec<u8>, OpenError> {
        let seal = record.seal.filter(|seal| seal.key == self.number).ok_or(OpenError)?;
        let mut data = record.data.to_vec();
        let opened = self.cipher.open_in_place(nonce(seal.counter), Aad::from(seal.head), &mut data);
        let length = opened.map_err(|_| OpenError)?.len();
        data.truncate(length);
        Ok(data)
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 8..].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Partition, RecordsEntry, RecordsWriter, StreamId};

    #[test]
    fn a_sealed_record_opens_under_its_key_and_as_it_was_written_only() {
        let secret = SecretKey::new([5; 32]);
        let mut key = RecordKey::new(7, &secret);
        let mut writer = RecordsWriter::new(StreamId(1), None, 0);
        let arrival = Timestamp::from_millis(9);
        let keys = Partition::Keys(r#"{"partitionKeyFromQuery:year":"2026"}"#.into());
        writer.push_sealed(&mut key, arrival, None, &keys, &[b"MARK", b"ER"]);
        writer.push_sealed(&mut key, arrival, None, &Partition::Whole, &[]);
        writer.push(arrival, None, &Partition::Whole, &[b"plain"]);
        let entry = writer.finish();
        assert!(!entry.windows(6).any(|window| window == b"MARKER"));
        let records: Vec<_> = RecordsEntry::of_stream(&entry, StreamId(1)).unwrap().records().collect();
        let lengths: Vec<usize> = records.iter().map(RecordEntry::length).collect();
        assert_eq!(lengths, [6, 0, 5], "what was put is what counts");
        let counters: Vec<_> = records.iter().map(|record| record.seal.map(|seal| seal.counter)).collect();
        assert_eq!(counters, [Some(0), Some(1), None], "no nonce twice");
        let again = RecordKey::new(7, &secret);
        assert_eq!((again.open(&records[0]), again.open(&records[1])), (Ok(b"MARKER".to_vec()), Ok(Vec::new())));
        assert_eq!(records[0].partition, keys.to_text().as_deref());
        assert_eq!(again.open(&records[2]), Err(OpenError), "it is not sealed");
        assert_eq!(RecordKey::new(8, &secret).open(&records[0]), Err(OpenError));
        assert_eq!(RecordKey::new(7, &SecretKey::new([6; 32])).open(&records[0]), Err(OpenError));
        for at in 7..entry.len() {
            let mut changed = entry.clone();
            changed[at] ^= 1;
            let records = RecordsEntry::of_stream(&changed, StreamId(1));
            let first = records.and_then(|records| records.records().next());
            let opened = first.and_then(|record| again.open(&record).ok());
            // The first record ends where its tag does; what is behind it is not its business.
            assert!(at >= 7 + 1 + 8 + 2 + 37 + 12 + 4 + 6 + 16 || opened.is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_key_is_full_after_so_many_records() {
        let mut key = RecordKey::new(1, &SecretKey::new([5; 32]));
        assert!(key.has_room(500));
        key.next = RECORDS_MAX - 1;
        assert!(key.has_room(1) && !key.has_room(2));
    }
}
