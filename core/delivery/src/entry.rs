//! Records, cuts, deliveries and batches given up as journal entries. Format: `docs/format/record.md`.
use sekisho_types::{CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::data_key::TAG_BYTES;
use crate::{Attempts, Compression, CutConversion, Partition, RecordKey, Seal};

const RECORDS: u8 = 1;
const CUT: u8 = 2;
const DELIVERED: u8 = 3;
const GIVEN_UP: u8 = 4;
const VERSION: u8 = 2;
/// Origin texts are cut at this many bytes; AWS's limits on all of them are lower.
const TEXT_BYTES_MAX: usize = 1024;

/// Flags of an entry of records.
const OF_BATCH: u8 = 1;
const MORE_FOLLOWS: u8 = 1 << 1;
const CONTINUES: u8 = 1 << 2;
/// Where they are in it.
const FLAGS_AT: usize = 6;
/// Flags of a record.
const ORIGIN: u8 = 1;
const CERTIFICATE: u8 = 1 << 1;
const CLIENT: u8 = 1 << 2;
const THING: u8 = 1 << 3;
const PARTITION: u8 = 1 << 4;
const SEALED: u8 = 1 << 5;
const KNOWN: u8 = ORIGIN | CERTIFICATE | CLIENT | THING | PARTITION | SEALED;

/// Numbers a stream within the account, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub u32);

/// Numbers a batch: the journal's sequence of its cut.
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
    /// The thing the certificate is attached to, if it is one.
    pub thing: Option<&'a str>,
    /// The topic it was published to.
    pub topic: &'a str,
    /// The rule that selected it; empty if the stream took it from its topic itself.
    pub rule: &'a str,
    /// How often that rule had been replaced.
    pub rule_version: u32,
}

/// A record on its way to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordEntry<'a> {
    /// When it came.
    pub arrival: Timestamp,
    /// Where from; none for PutRecord.
    pub origin: Option<Origin<'a>>,
    /// Which of the stream's buffers it is in, see [`Partition::to_text`].
    pub partition: Option<&'a str>,
    /// How its data is sealed beside the journal's own seal, if it is.
    pub seal: Option<Seal<'a>>,
    /// What it holds; with a seal, ciphertext and tag.
    pub data: &'a [u8],
}

/// Records of one stream that became durable together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecordsEntry<'a> {
    /// Whose.
    pub stream: StreamId,
    /// The batch they were made of by the transformation.
    pub of: Option<BatchId>,
    /// More that was made of the batch is in the next entry of the stream: they count when the last of these is there, and the
    /// batch is over with that one.
    pub more_follows: bool,
    /// The entry of the stream before this one has more that was made of the batch.
    pub continues: bool,
    body: &'a [u8],
}

/// Makes the entry of some records.
pub struct RecordsWriter(Vec<u8>);

/// Where a batch goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// Into an object. Everything that it depends on beside the records is in here.
    Object {
        /// Where the object goes.
        bucket: sekisho_types::BucketName,
        /// Its key, evaluated.
        key: String,
        /// How it is packed.
        compression: Compression,
        /// The KMS key it asks for, if not the bucket's default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kms_key_arn: Option<String>,
        /// What it is converted by, if it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        conversion: Option<Box<CutConversion>>,
    },
    /// Through the Lambda function, as the stream says when it is called.
    Transformation,
    /// To the HTTP endpoint, as the stream says when it is asked. If it is not taken there, into an object.
    HttpEndpoint {
        /// Where the object would go.
        bucket: sekisho_types::BucketName,
        /// Its key, evaluated: the request's id is made of it.
        key: String,
        /// How it would be packed.
        compression: Compression,
        /// The KMS key it would ask for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kms_key_arn: Option<String>,
    },
}

/// An object that a batch becomes, or what is kept of it.
#[derive(Clone, Copy, Debug)]
pub struct TargetObject<'a> {
    /// Where it goes.
    pub bucket: &'a sekisho_types::BucketName,
    /// Its key.
    pub key: &'a str,
    /// How it is packed.
    pub compression: Compression,
    /// The KMS key it asks for.
    pub kms_key_arn: Option<&'a str>,
}

impl Target {
    /// The object there is, or would be.
    pub fn object(&self) -> Option<TargetObject<'_>> {
        match self {
            Self::Object { bucket, key, compression, kms_key_arn, .. }
            | Self::HttpEndpoint { bucket, key, compression, kms_key_arn } => {
                Some(TargetObject { bucket, key, compression: *compression, kms_key_arn: kms_key_arn.as_deref() })
            }
            Self::Transformation => None,
        }
    }
}

/// The decision to make a batch of a partition's records up to here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutEntry {
    /// Whose.
    pub stream: StreamId,
    /// Which of the stream's buffers it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// The journal's sequence of the entry its first record is in.
    pub first: u64,
    /// And of its last record.
    pub last: u64,
    /// How many records.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// When the oldest came.
    pub oldest: Timestamp,
    /// Where it goes.
    pub target: Target,
}

/// A batch is where it was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveredEntry {
    /// Whose.
    pub stream: StreamId,
    /// Which.
    pub batch: BatchId,
}

/// The endpoint did not take a batch, and is not asked again: documents that tell so become its object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUpEntry {
    /// Whose.
    pub stream: StreamId,
    /// Which.
    pub batch: BatchId,
    /// What the documents tell.
    pub attempts: Attempts,
}

/// Any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Records.
    Records(RecordsEntry<'a>),
    /// A cut.
    Cut(Box<CutEntry>),
    /// A delivery.
    Delivered(DeliveredEntry),
    /// A batch that was given up.
    GivenUp(Box<GivenUpEntry>),
}

/// The bytes are none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an entry of a delivery stream that this version knows")]
pub struct EntryError;

impl RecordsWriter {
    /// No record yet; there is room for `capacity` bytes.
    pub fn new(stream: StreamId, of: Option<BatchId>, capacity: usize) -> Self {
        let mut out = Vec::with_capacity(32 + capacity);
        out.extend_from_slice(&[RECORDS, VERSION]);
        out.extend_from_slice(&stream.0.to_le_bytes());
        out.push(if of.is_some() { OF_BATCH } else { 0 });
        if let Some(batch) = of {
            out.extend_from_slice(&batch.0.to_le_bytes());
        }
        Self(out)
    }

    /// No record yet; what comes was made of `batch` like the records of the entry before.
    pub fn continuing(stream: StreamId, batch: BatchId, capacity: usize) -> Self {
        let mut writer = Self::new(stream, Some(batch), capacity);
        writer.0[FLAGS_AT] |= CONTINUES;
        writer
    }

    /// Adds a record, given in parts.
    pub fn push(&mut self, arrival: Timestamp, origin: Option<&Origin<'_>>, partition: &Partition, parts: &[&[u8]]) {
        self.put_head(0, arrival, origin, partition);
        self.put_data(parts, 0);
    }

    /// Adds a record whose data is sealed under `key`.
    pub fn push_sealed(
        &mut self,
        key: &mut RecordKey,
        arrival: Timestamp,
        origin: Option<&Origin<'_>>,
        partition: &Partition,
        parts: &[&[u8]],
    ) {
        let (begin, counter) = (self.0.len(), key.take_counter());
        self.put_head(SEALED, arrival, origin, partition);
        self.0.extend_from_slice(&key.number().to_le_bytes());
        self.0.extend_from_slice(&counter.to_le_bytes());
        let head = self.0.len();
        self.put_data(parts, TAG_BYTES);
        let (before, length_and_data) = self.0.split_at_mut(head);
        let tag = key.seal(counter, &before[begin..], &mut length_and_data[4..]);
        self.0.extend_from_slice(&tag);
    }

    fn put_head(&mut self, flags: u8, arrival: Timestamp, origin: Option<&Origin<'_>>, partition: &Partition) {
        let out = &mut self.0;
        let partition = partition.to_text();
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let mut flags = flags | flag(partition.is_some(), PARTITION);
        if let Some(origin) = origin {
            flags |= ORIGIN
                | flag(origin.certificate_id.is_some(), CERTIFICATE)
                | flag(origin.client_id.is_some(), CLIENT)
                | flag(origin.thing.is_some(), THING);
        }
        out.push(flags);
        out.extend_from_slice(&arrival.millis().to_le_bytes());
        if let Some(origin) = origin {
            if let Some(certificate_id) = &origin.certificate_id {
                out.extend_from_slice(certificate_id.as_bytes());
            }
            [origin.client_id, origin.thing].into_iter().flatten().for_each(|text| put_text(text, out));
            put_text(origin.topic, out);
            put_text(origin.rule, out);
            out.extend_from_slice(&origin.rule_version.to_le_bytes());
        }
        if let Some(partition) = partition {
            put_bytes(partition.as_bytes(), out);
        }
    }

    /// The data, and before it its length with that of what will stand behind it.
    fn put_data(&mut self, parts: &[&[u8]], behind: usize) {
        let length = parts.iter().map(|part| part.len()).sum::<usize>() + behind;
        self.0.extend_from_slice(&u32::try_from(length).expect("a record is bounded").to_le_bytes());
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
    }

    /// The entry.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    /// The entry, if more that was made of its batch comes in another.
    pub fn finish_before_more(mut self) -> Vec<u8> {
        self.0[FLAGS_AT] |= MORE_FOLLOWS;
        self.0
    }

    /// Bytes so far.
    #[allow(clippy::len_without_is_empty, reason = "an entry is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> RecordsEntry<'a> {
    /// Of an entry that holds records of this stream. Malformed records end the iteration: whoever knows how many there must
    /// be counts them.
    pub fn of_stream(entry: &'a [u8], stream: StreamId) -> Option<Self> {
        let mut rest = entry.strip_prefix(&[RECORDS, VERSION])?;
        (rest.get(..4)? == stream.0.to_le_bytes()).then(|| Self::take(&mut rest))?
    }

    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let stream = StreamId(u32::from_le_bytes(take_array(rest)?));
        let [flags] = take_array(rest)?;
        let of = match flags & OF_BATCH {
            0 if flags == 0 => None,
            OF_BATCH if flags & !(OF_BATCH | MORE_FOLLOWS | CONTINUES) == 0 => {
                Some(BatchId(u64::from_le_bytes(take_array(rest)?)))
            }
            _ => return None,
        };
        let (more_follows, continues) = (flags & MORE_FOLLOWS != 0, flags & CONTINUES != 0);
        Some(Self { stream, of, more_follows, continues, body: rest })
    }

    /// The records, in the order they came.
    pub fn records(&self) -> impl Iterator<Item = RecordEntry<'a>> + use<'a> {
        let mut rest = self.body;
        std::iter::from_fn(move || (!rest.is_empty()).then(|| RecordEntry::take(&mut rest)).flatten())
    }

    fn is_whole(&self) -> bool {
        let mut rest = self.body;
        while !rest.is_empty() {
            if RecordEntry::take(&mut rest).is_none() {
                return false;
            }
        }
        true
    }
}

impl std::fmt::Debug for RecordsEntry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.records()).finish()
    }
}

impl<'a> RecordEntry<'a> {
    /// Bytes of its data as it was put.
    pub fn length(&self) -> usize {
        self.data.len() - if self.seal.is_some() { TAG_BYTES } else { 0 }
    }

    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let whole = *rest;
        let [flags] = take_array(rest)?;
        let needs_origin = flags & (CERTIFICATE | CLIENT | THING) != 0;
        if flags & !KNOWN != 0 || (needs_origin && flags & ORIGIN == 0) {
            return None;
        }
        let arrival = Timestamp::from_millis(i64::from_le_bytes(take_array(rest)?));
        let text = |flag: u8, rest: &mut &'a [u8]| match flags & flag {
            0 => Some(None),
            _ => take_text(rest).map(Some),
        };
        let origin = match flags & ORIGIN {
            0 => None,
            _ => Some(Origin {
                certificate_id: match flags & CERTIFICATE {
                    0 => None,
                    _ => Some(CertificateId::new(take_array(rest)?)),
                },
                client_id: text(CLIENT, rest)?,
                thing: text(THING, rest)?,
                topic: take_text(rest)?,
                rule: take_text(rest)?,
                rule_version: u32::from_le_bytes(take_array(rest)?),
            }),
        };
        let partition = text(PARTITION, rest)?;
        let seal = match flags & SEALED {
            0 => None,
            _ => {
                let key = u32::from_le_bytes(take_array(rest)?);
                let counter = u64::from_le_bytes(take_array(rest)?);
                Some(Seal { key, counter, head: &whole[..whole.len() - rest.len()] })
            }
        };
        let length = u32::from_le_bytes(take_array(rest)?);
        let (data, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        *rest = behind;
        let record = Self { arrival, origin, partition, seal, data };
        (seal.is_none() || data.len() >= TAG_BYTES).then_some(record)
    }
}

impl CutEntry {
    /// As an entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![CUT, VERSION];
        serde_json::to_writer(&mut out, self).expect("a cut is plain data");
        out
    }
}

impl DeliveredEntry {
    /// As an entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![DELIVERED, VERSION];
        out.extend_from_slice(&self.stream.0.to_le_bytes());
        out.extend_from_slice(&self.batch.0.to_le_bytes());
        out
    }
}

impl GivenUpEntry {
    /// As an entry.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![GIVEN_UP, VERSION];
        serde_json::to_writer(&mut out, self).expect("attempts are plain data");
        out
    }
}

impl<'a> Entry<'a> {
    /// Reads an entry.
    ///
    /// # Errors
    /// [`EntryError`] for what a later version may have written.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, EntryError> {
        let ([kind, VERSION], mut rest) = bytes.split_first_chunk::<2>().ok_or(EntryError)? else {
            return Err(EntryError);
        };
        match *kind {
            RECORDS => {
                let entry = RecordsEntry::take(&mut rest).filter(RecordsEntry::is_whole);
                entry.map(Entry::Records).ok_or(EntryError)
            }
            CUT => serde_json::from_slice(rest).map(|cut| Entry::Cut(Box::new(cut))).map_err(|_| EntryError),
            DELIVERED => {
                let mut delivered = || {
                    let stream = StreamId(u32::from_le_bytes(take_array(&mut rest)?));
                    let batch = BatchId(u64::from_le_bytes(take_array(&mut rest)?));
                    rest.is_empty().then_some(DeliveredEntry { stream, batch })
                };
                delivered().map(Entry::Delivered).ok_or(EntryError)
            }
            GIVEN_UP => {
                serde_json::from_slice(rest).map(|given_up| Entry::GivenUp(Box::new(given_up))).map_err(|_| EntryError)
            }
            _ => Err(EntryError),
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let end = (0..=text.len().min(TEXT_BYTES_MAX)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    put_bytes(&text.as_bytes()[..end], out);
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u16::try_from(bytes.len()).expect("origins and partitions are bounded").to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, behind) = rest.split_first_chunk::<N>()?;
    *rest = behind;
    Some(*array)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = u16::from_le_bytes(take_array(rest)?);
    let (text, behind) = rest.split_at_checked(usize::from(length))?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests;
