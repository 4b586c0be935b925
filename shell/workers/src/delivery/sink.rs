//! Where a batch's bytes go.
use std::collections::BTreeMap;
use std::sync::Arc;

use sekisho_blobs::{NewObject, ObjectStore, StoreError, Upload};
use sekisho_delivery::{Compressor, Conversions, CutEntry, RecordEntry, Target};
use sekisho_journal::JournalError;
use sekisho_objects::{ChecksumAlgorithm, EncryptionRequest, SseAlgorithm};
use sekisho_remote::{RemoteBuckets, RemoteError, RemoteObject, RemoteUpload};
use sekisho_types::{BucketName, ObjectKey};
use tokio::runtime::Handle;

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
    #[error("`{0}` is not an object key")]
    Key(String),
    #[error("the records could not be gathered")]
    Gather(#[source] Arc<FlushError>),
    #[error("the flushing thread ended early")]
    Thread,
}

impl FlushError {
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
    failed: Option<FlushError>,
}

enum Packer {
    Plain(Compressor),
    Converting(Box<Conversions>),
}

/// What is packed, and waits to be made durable.
pub(crate) struct Packed(Vec<Object>);

impl Object {
    async fn begin(places: &Places, new: NewObject) -> Result<Self, FlushError> {
        let remote = RemoteObject {
            bucket: new.bucket.clone(),
            key: new.key.to_string(),
            headers: new.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            kms_key: new.encryption.kms_key.clone(),
        };
        match places.remote.begin(remote) {
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
    pub async fn begin(places: &Places, cut: &CutEntry) -> Result<Self, FlushError> {
        let Target::Object { bucket, key, compression, kms_key_arn, conversion } = &cut.target else {
            return Err(FlushError::Key(String::new()));
        };
        let new = new_object(bucket, key, compression.content_encoding(), kms_key_arn.as_ref())?;
        let object = Object::begin(places, new).await?;
        let errors = match conversion {
            Some(conversion) => {
                let new = new_object(bucket, &conversion.error_key, None, kms_key_arn.as_ref())?;
                Some(Object::begin(places, new).await?)
            }
            None => None,
        };
        Ok(Self { object, errors })
    }

    /// Ready for records.
    pub fn pack(self, cut: &CutEntry) -> Packing {
        let packer = match &cut.target {
            Target::Object { conversion: Some(conversion), .. } => {
                Packer::Converting(Box::new(Conversions::new(conversion)))
            }
            Target::Object { key, compression, .. } => Packer::Plain(Compressor::new(*compression, key)),
            Target::Transformation => Packer::Plain(Compressor::new(sekisho_delivery::Compression::Uncompressed, "")),
        };
        Packing { packer, sink: self, waiting: 0, failed: None }
    }
}

impl Packing {
    /// One record more.
    pub fn push(&mut self, record: &RecordEntry<'_>) {
        if self.failed.is_some() {
            return;
        }
        match &mut self.packer {
            Packer::Plain(packer) => packer.push(record.data),
            Packer::Converting(conversions) => conversions.push(record.data, record.arrival),
        }
        self.waiting += record.data.len();
        if self.waiting >= PIECE_BYTES {
            self.waiting = 0;
            self.failed = self.write_on().err();
        }
    }

    fn write_on(&mut self) -> Result<(), FlushError> {
        match (&mut self.packer, &mut self.sink.errors) {
            (Packer::Converting(conversions), Some(errors)) => {
                self.sink.object.write(&conversions.take())?;
                errors.write(&conversions.take_errors())?;
            }
            (Packer::Converting(_), None) => {}
            (Packer::Plain(packer), _) => self.sink.object.write(&packer.take())?,
        }
        Ok(())
    }

    /// That was all.
    pub fn finish(mut self) -> Result<Packed, FlushError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let conversions = match self.packer {
            Packer::Plain(packer) => {
                self.sink.object.write(&packer.finish())?;
                return Ok(Packed(vec![self.sink.object]));
            }
            Packer::Converting(conversions) => conversions,
        };
        metrics::counter!("sekisho_conversion_failures_total").increment(conversions.failed());
        // There is no object of nothing: what was begun and is not finished leaves nothing behind.
        let (file, failed) = conversions.finish();
        let mut packed = Vec::new();
        for (rest, object) in [(failed, self.sink.errors), (file, Some(self.sink.object))] {
            if let (Some(rest), Some(mut object)) = (rest, object) {
                object.write(&rest)?;
                packed.push(object);
            }
        }
        Ok(Packed(packed))
    }
}

impl Packed {
    /// Makes it durable, and visible.
    pub async fn finish(self) -> Result<(), FlushError> {
        for object in self.0 {
            object.finish().await?;
        }
        Ok(())
    }
}

fn new_object(
    bucket: &BucketName,
    key: &str,
    encoding: Option<&str>,
    kms_key_arn: Option<&String>,
) -> Result<NewObject, FlushError> {
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/octet-stream".to_owned())]);
    if let Some(encoding) = encoding {
        headers.insert("content-encoding".into(), encoding.into());
    }
    let encryption = EncryptionRequest {
        algorithm: kms_key_arn.is_some().then_some(SseAlgorithm::AwsKms),
        kms_key: kms_key_arn.cloned(),
        ..EncryptionRequest::default()
    };
    Ok(NewObject {
        bucket: bucket.clone(),
        key: ObjectKey::parse(key).map_err(|_| FlushError::Key(key.to_owned()))?,
        headers,
        metadata: BTreeMap::new(),
        encryption,
        checksum: ChecksumAlgorithm::CRC64NVME,
        expected_checksum: None,
        content_md5: None,
    })
}
