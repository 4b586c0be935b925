//! Records, cuts and deliveries as journal entries. Format: `docs/format/record.md`.
use sekisho_types::{BucketName, CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Compression;

const RECORD: u8 = 1;
const CUT: u8 = 2;
const DELIVERED: u8 = 3;
const VERSION: u8 = 1;
/// Origin texts are cut at this many bytes; AWS's limits on all of them are lower.
const TEXT_BYTES_MAX: usize = 1024;

/// Numbers a stream within the account, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub u32);

/// Numbers a batch: the journal's sequence of the first record in it, which no other batch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub u64);

/// Where a device's record came from. Sealed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The certificate it came with; none for an operator's message.
    pub certificate_id: Option<CertificateId>,
    /// The MQTT client id; none over HTTP.
    pub client_id: Option<&'a str>,
    /// The topic it was published to.
    pub topic: &'a str,
    /// The rule that selected it.
    pub rule: &'a str,
}

/// A record on its way to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordEntry<'a> {
    /// Whose.
    pub stream: StreamId,
    /// When it came.
    pub arrival: Timestamp,
    /// Where from; none for PutRecord.
    pub origin: Option<Origin<'a>>,
    /// Which of the stream's buffers it is in, see [`crate::Partition::to_text`].
    pub partition: Option<&'a str>,
    /// What it holds.
    pub data: &'a [u8],
}

/// The decision to make a batch of a stream's records up to here. Everything its object depends on is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutEntry {
    /// Whose.
    pub stream: StreamId,
    /// Which.
    pub batch: BatchId,
    /// Which of the stream's buffers it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The journal's sequence of its last record.
    pub last: u64,
    /// How many records.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// Where the object goes.
    pub bucket: BucketName,
    /// Its key, evaluated.
    pub key: String,
    /// How it is packed.
    pub compression: Compression,
    /// The KMS key it asks for, if not the bucket's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
}

/// A batch's object is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredEntry {
    /// Whose.
    pub stream: StreamId,
    /// Which.
    pub batch: BatchId,
}

/// Any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A record.
    Record(RecordEntry<'a>),
    /// A cut.
    Cut(Box<CutEntry>),
    /// A delivery.
    Delivered(DeliveredEntry),
}

/// The bytes are none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry of a delivery stream that this version knows")]
pub struct EntryError;

impl RecordEntry<'_> {
    /// What stands before the data.
    pub fn encode_head(
        stream: StreamId,
        arrival: Timestamp,
        origin: Option<&Origin<'_>>,
        partition: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&[RECORD, VERSION]);
        out.extend_from_slice(&stream.0.to_le_bytes());
        out.extend_from_slice(&arrival.millis().to_le_bytes());
        let mut flags = u8::from(partition.is_some()) << 3;
        if let Some(origin) = origin {
            flags |= 1 | u8::from(origin.certificate_id.is_some()) << 1 | u8::from(origin.client_id.is_some()) << 2;
        }
        out.push(flags);
        if let Some(partition) = partition {
            let length = u32::try_from(partition.len()).expect("a partition's keys are bounded");
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(partition.as_bytes());
        }
        let Some(origin) = origin else { return };
        if let Some(certificate_id) = &origin.certificate_id {
            out.extend_from_slice(certificate_id.as_bytes());
        }
        if let Some(client_id) = origin.client_id {
            put_text(client_id, out);
        }
        put_text(origin.topic, out);
        put_text(origin.rule, out);
    }
}

impl CutEntry {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![CUT, VERSION];
        serde_json::to_writer(&mut out, self).expect("a cut serializes into memory");
        out
    }
}

impl DeliveredEntry {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![DELIVERED, VERSION];
        out.extend_from_slice(&self.stream.0.to_le_bytes());
        out.extend_from_slice(&self.batch.0.to_le_bytes());
        out
    }
}

impl<'a> Entry<'a> {
    /// Reads an entry without copying its data.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let ([kind, VERSION], rest) = bytes.split_first_chunk::<2>().ok_or(EntryError)? else { return Err(EntryError) };
        match *kind {
            RECORD => decode_record(rest).map(Self::Record).ok_or(EntryError),
            CUT => serde_json::from_slice(rest).map(|cut| Self::Cut(Box::new(cut))).map_err(|_| EntryError),
            DELIVERED => {
                let (stream, rest) = rest.split_first_chunk::<4>().ok_or(EntryError)?;
                let batch: [u8; 8] = rest.try_into().map_err(|_| EntryError)?;
                let (stream, batch) = (StreamId(u32::from_le_bytes(*stream)), BatchId(u64::from_le_bytes(batch)));
                Ok(Self::Delivered(DeliveredEntry { stream, batch }))
            }
            _ => Err(EntryError),
        }
    }
}

fn decode_record(rest: &[u8]) -> Option<RecordEntry<'_>> {
    let (stream, rest) = rest.split_first_chunk::<4>()?;
    let (arrival, rest) = rest.split_first_chunk::<8>()?;
    let (&flags, rest) = rest.split_first()?;
    let stream = StreamId(u32::from_le_bytes(*stream));
    let arrival = Timestamp::from_millis(i64::from_le_bytes(*arrival));
    if flags > 15 || flags & 1 == 0 && flags & 6 != 0 {
        return None;
    }
    let (partition, rest) = match flags & 8 {
        0 => (None, rest),
        _ => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            (Some(std::str::from_utf8(text).ok()?), rest)
        }
    };
    if flags & 1 == 0 {
        return Some(RecordEntry { stream, arrival, origin: None, partition, data: rest });
    }
    let (certificate_id, rest) = match flags & 2 {
        0 => (None, rest),
        _ => rest.split_first_chunk::<32>().map(|(id, rest)| (Some(CertificateId::new(*id)), rest))?,
    };
    let (client_id, rest) = match flags & 4 {
        0 => (None, rest),
        _ => take_text(rest).map(|(text, rest)| (Some(text), rest))?,
    };
    let (topic, rest) = take_text(rest)?;
    let (rule, data) = take_text(rest)?;
    Some(RecordEntry {
        stream,
        arrival,
        origin: Some(Origin { certificate_id, client_id, topic, rule }),
        partition,
        data,
    })
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    out.extend_from_slice(&(end as u16).to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..end]);
}

fn take_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(entry: &Entry<'_>) -> Vec<u8> {
        match entry {
            Entry::Record(record) => {
                let mut out = Vec::new();
                RecordEntry::encode_head(
                    record.stream,
                    record.arrival,
                    record.origin.as_ref(),
                    record.partition,
                    &mut out,
                );
                out.extend_from_slice(record.data);
                out
            }
            Entry::Cut(cut) => cut.encode(),
            Entry::Delivered(delivered) => delivered.encode(),
        }
    }

    #[test]
    fn entries_come_back() {
        let origin = Origin {
            certificate_id: Some(CertificateId::new([9; 32])),
            client_id: Some("pump-7"),
            topic: "factory/pump-7/t",
            rule: "hot",
        };
        let without = Origin { certificate_id: None, client_id: None, ..origin };
        let record = RecordEntry {
            stream: StreamId(3),
            arrival: Timestamp::from_millis(-5),
            origin: Some(origin),
            partition: None,
            data: b"{}",
        };
        let cut = CutEntry {
            stream: StreamId(3),
            batch: BatchId(10),
            partition: None,
            last: 20,
            records: 2,
            bytes: 4,
            bucket: BucketName::parse("lake").unwrap(),
            key: "2026/k".into(),
            compression: Compression::Gzip,
            kms_key_arn: None,
        };
        for entry in [
            Entry::Record(record),
            Entry::Record(RecordEntry { origin: Some(without), ..record }),
            Entry::Record(RecordEntry { origin: None, data: b"", ..record }),
            Entry::Record(RecordEntry { partition: Some(r#"{"year":"2026"}"#), ..record }),
            Entry::Record(RecordEntry { origin: None, partition: Some("!processing-failed"), ..record }),
            Entry::Cut(Box::new(CutEntry { partition: Some("!processing-failed".into()), ..cut.clone() })),
            Entry::Cut(Box::new(cut)),
            Entry::Delivered(DeliveredEntry { stream: StreamId(3), batch: BatchId(10) }),
        ] {
            assert_eq!(Entry::decode(&encode(&entry)), Ok(entry));
        }
    }

    #[test]
    fn bytes_decode_or_are_refused_and_never_panic() {
        bolero::check!(name = "delivery_entry").for_each(|bytes: &[u8]| {
            for kind in [RECORD, CUT, DELIVERED] {
                let bytes = [&[kind, VERSION], bytes].concat();
                if let Ok(entry) = Entry::decode(&bytes) {
                    assert_eq!(Entry::decode(&encode(&entry)), Ok(entry));
                }
            }
            let _ = Entry::decode(bytes);
        });
    }
}
