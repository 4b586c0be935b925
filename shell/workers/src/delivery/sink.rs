//! Where a batch's bytes go.
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_blobs::{NewObject, ObjectStore, StoreError, Upload};
use sekisho_delivery::{
    Attempts, BatchId, Compression, Compressor, Conversions, RecordEntry, Target, TargetObject, failed_record,
};
use sekisho_journal::JournalError;
use sekisho_objects::{EncryptionRequest, SseAlgorithm};
use sekisho_remote::{RemoteBuckets, RemoteError, RemoteObject, RemoteUpload};
use sekisho_types::ObjectKey;
use tokio::runtime::Handle;

use super::put::PutError;
use super::queue::Batch;

/// Packed before it is written on: with the compressor's own state, what bounds a batch's memory.
const PIECE_BYTES: usize = 256 * 1024;

/// Why a batch is not where it is to go.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FlushError {
    #[error("the object store refused")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("the journal could not be read")]
    Journal(#[from] JournalError),
    #[error("the journal holds {found} of the batch's {expected} records")]
    Incomplete { found: u64, expected: u64 },
    #[error("the customer's KMS key cannot be used")]
    DataKey(#[source] sekisho_kms::KmsError),
    #[error(transparent)]
    Sealed(#[from] sekisho_delivery::OpenError),
    #[error("`{0}` is not an object key")]
    Key(String),
    #[error("the records could not be gathered")]
    Gather(#[source] Arc<FlushError>),
    #[error("the flushing thread ended early")]
    Thread,
    #[error("what the batch became could not be put back")]
    NotTaken(#[source] PutError),
}

impl FlushError {
    /// The same will fail again, whoever comes back: AWS would not try twice.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Store(StoreError::Kms(error)) => !matches!(error, sekisho_kms::KmsError::Material(..)),
            Self::Store(StoreError::Objects(_)) | Self::Key(_) => true,
            Self::Remote(error) => !error.is_passing(),
            _ => false,
        }
    }

    /// Nothing can be promised any more: the next start finds the cut in the journal.
    pub fn is_end(&self) -> bool {
        match self {
            Self::Journal(JournalError::Failed) | Self::Store(StoreError::Journal(_)) => true,
            Self::Gather(cause) => cause.is_end(),
            _ => false,
        }
    }
}

/// Where objects can go: here, or into a bucket that another S3 keeps.
#[derive(Clone)]
pub(crate) struct Places {
    pub objects: Arc<ObjectStore>,
    pub remote: Arc<RemoteBuckets>,
}

/// An object on its way.
enum Object {
    Here(Box<Upload>),
    Elsewhere(Box<RemoteUpload>),
}

/// The objects of a batch on their way.
pub(crate) struct Sink {
    object: Object,
    /// Of a batch that is converted: where records go that cannot be.
    errors: Option<Object>,
}

/// Packs records into a sink, on a thread that may block.
pub(crate) struct Packing {
    packer: Packer,
    sink: Sink,
    waiting: usize,
    records: u64,
    /// What goes into the object tells of records that were not taken elsewhere.
    given_up: Option<(Arc<Attempts>, BatchId)>,
    /// Packed, so far.
    length: u64,
    failed: Option<FlushError>,
}

enum Packer {
    Plain(Compressor),
    Converting(Box<Conversions>),
}

/// What is packed, and waits to be made durable.
pub(crate) struct Packed {
    objects: Vec<Object>,
    /// Packed bytes, in all of them.
    length: u64,
}

impl Places {
    /// Puts an object whose body is at hand.
    pub(crate) async fn put(&self, new: NewObject, body: Bytes) -> Result<(), FlushError> {
        match self.remote.begin(remote(&new)) {
            Some(mut upload) => {
                upload.write(&body).await?;
                Ok(upload.finish().await?)
            }
            None => {
                self.objects.put(new, body).await?;
                Ok(())
            }
        }
    }
}

/// An object as another S3 is told of it.
fn remote(new: &NewObject) -> RemoteObject {
    RemoteObject {
        bucket: new.bucket.clone(),
        key: new.key.to_string(),
        headers: new.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        kms_key: new.encryption.kms_key.clone(),
    }
}

impl Object {
    async fn begin(places: &Places, new: NewObject) -> Result<Self, FlushError> {
        match places.remote.begin(remote(&new)) {
            Some(upload) => Ok(Self::Elsewhere(Box::new(upload))),
            None => Ok(Self::Here(Box::new(places.objects.begin(new).await?))),
        }
    }

    /// Blocks on the disk or the network now and then.
    fn write(&mut self, bytes: &[u8]) -> Result<(), FlushError> {
        match self {
            Self::Here(upload) => Ok(upload.write(bytes)?),
            Self::Elsewhere(upload) => Ok(Handle::current().block_on(upload.write(bytes))?),
        }
    }

    /// Makes it durable, and visible.
    async fn finish(self) -> Result<(), FlushError> {
        match self {
            Self::Here(upload) => drop(upload.finish().await?),
            Self::Elsewhere(upload) => upload.finish().await?,
        }
        Ok(())
    }
}

impl Sink {
    /// Begins what the cut says.
    pub async fn begin(places: &Places, batch: &Batch) -> Result<Self, FlushError> {
        let Some(target) = batch.cut.target.object() else { return Err(FlushError::Key(String::new())) };
        let object =
            Object::begin(places, new_object(target, target.key, target.compression.content_encoding())?).await?;
        let errors = match &batch.cut.target {
            Target::Object { conversion: Some(conversion), .. } => {
                Some(Object::begin(places, new_object(target, &conversion.error_key, None)?).await?)
            }
            Target::Object { .. } | Target::HttpEndpoint { .. } | Target::Transformation => None,
        };
        Ok(Self { object, errors })
    }

    /// Ready for records.
    pub fn pack(self, batch: &Batch) -> Packing {
        let packer = match &batch.cut.target {
            Target::Object { conversion: Some(conversion), .. } => {
                Packer::Converting(Box::new(Conversions::new(conversion)))
            }
            Target::Object { key, compression, .. } | Target::HttpEndpoint { key, compression, .. } => {
                Packer::Plain(Compressor::new(*compression, key))
            }
            Target::Transformation => Packer::Plain(Compressor::new(Compression::Uncompressed, "")),
        };
        let given_up = batch.given_up.clone().map(|attempts| (attempts, batch.id));
        Packing { packer, sink: self, waiting: 0, records: 0, given_up, length: 0, failed: None }
    }
}

impl Packing {
    /// One record more.
    pub fn push(&mut self, record: &RecordEntry<'_>) {
        if self.failed.is_some() {
            return;
        }
        // What waits is what was made of it: a document is larger than the record it tells of, which may have no bytes.
        self.waiting += match (&mut self.packer, &self.given_up) {
            (Packer::Converting(conversions), _) => record.data.len() + conversions.push(record.data, record.arrival),
            (Packer::Plain(packer), None) => {
                packer.push(record.data);
                record.data.len()
            }
            (Packer::Plain(packer), Some((attempts, batch))) => {
                let document = failed_record(attempts, record.arrival, batch.0, self.records, record.data);
                packer.push(&document);
                document.len()
            }
        };
        self.records += 1;
        if self.waiting >= PIECE_BYTES {
            self.waiting = 0;
            self.failed = self.write_on().err();
        }
    }

    fn write_on(&mut self) -> Result<(), FlushError> {
        let (packed, failed) = match &mut self.packer {
            Packer::Converting(conversions) => (conversions.take(), conversions.take_errors()),
            Packer::Plain(packer) => (packer.take(), Vec::new()),
        };
        self.length += (packed.len() + failed.len()) as u64;
        self.sink.object.write(&packed)?;
        self.sink.errors.as_mut().map_or(Ok(()), |errors| errors.write(&failed))
    }

    /// That was all.
    pub fn finish(mut self) -> Result<Packed, FlushError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let conversions = match self.packer {
            Packer::Plain(packer) => {
                let rest = packer.finish();
                self.sink.object.write(&rest)?;
                let length = self.length + rest.len() as u64;
                return Ok(Packed { objects: vec![self.sink.object], length });
            }
            Packer::Converting(conversions) => conversions,
        };
        metrics::counter!("sekisho_conversion_failures_total").increment(conversions.failed());
        // There is no object of nothing: what was begun and is not finished leaves nothing behind.
        let (file, failed) = conversions.finish();
        let mut packed = Packed { objects: Vec::new(), length: self.length };
        for (rest, object) in [(failed, self.sink.errors), (file, Some(self.sink.object))] {
            if let (Some(rest), Some(mut object)) = (rest, object) {
                object.write(&rest)?;
                packed.length += rest.len() as u64;
                packed.objects.push(object);
            }
        }
        Ok(packed)
    }
}

impl Packed {
    /// Makes it durable, and visible. Answers how many bytes it has.
    pub async fn finish(self) -> Result<u64, FlushError> {
        for object in self.objects {
            object.finish().await?;
        }
        Ok(self.length)
    }
}

fn new_object(target: TargetObject<'_>, key: &str, encoding: Option<&str>) -> Result<NewObject, FlushError> {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/octet-stream".to_owned())]);
    if let Some(encoding) = encoding {
        headers.insert("content-encoding".into(), encoding.into());
    }
    let encryption = EncryptionRequest {
        algorithm: target.kms_key_arn.is_some().then_some(SseAlgorithm::AwsKms),
        kms_key: target.kms_key_arn.map(str::to_owned),
        ..EncryptionRequest::default()
    };
    let key = ObjectKey::parse(key).map_err(|_| FlushError::Key(key.to_owned()))?;
    Ok(NewObject { headers: headers.into(), encryption, ..NewObject::new(target.bucket.clone(), key) })
}

#[cfg(test)]
mod tests {
    use sekisho_delivery::{CutEntry, EndpointFailure, StreamId};
    use sekisho_types::Timestamp;

    use super::super::tests::{World, lake};
    use super::*;

    #[tokio::test]
    async fn documents_of_records_without_bytes_do_not_pile_up() {
        let directory = tempfile::tempdir().unwrap();
        let world = World::open(directory.path(), &Arc::default());
        world.bucket().await;
        let (key, compression) = ("failed".to_owned(), Compression::Uncompressed);
        let cut = CutEntry {
            stream: StreamId(1),
            partition: None,
            first: 1,
            last: 1,
            records: 5_000,
            bytes: 0,
            oldest: Timestamp::from_millis(0),
            target: Target::HttpEndpoint { bucket: lake(), key, compression, kms_key_arn: None },
        };
        let attempts = Attempts { made: 1, ended: Timestamp::from_millis(0), failure: EndpointFailure::timed_out() };
        let batch = Batch {
            id: BatchId(2),
            cut: Arc::new(cut),
            runs: [(1, 1)].into(),
            is_elsewhere: false,
            given_up: Some(Arc::new(attempts)),
        };
        let places = Places { objects: world.objects.clone(), remote: Arc::default() };
        let mut packing = Sink::begin(&places, &batch).await.unwrap().pack(&batch);
        let arrival = Timestamp::from_millis(0);
        for _ in 0..5_000 {
            packing.push(&RecordEntry { arrival, origin: None, partition: None, seal: None, data: b"" });
            assert!(packing.waiting < PIECE_BYTES);
        }
        assert!(packing.length >= PIECE_BYTES as u64, "{}", packing.length);
    }
}
