//! Where a batch's bytes go.
use std::collections::BTreeMap;
use std::sync::Arc;

use sekisho_blobs::{NewObject, ObjectStore, StoreError, Upload};
use sekisho_delivery::{Compressor, CutEntry, Target};
use sekisho_journal::JournalError;
use sekisho_objects::{ChecksumAlgorithm, EncryptionRequest, SseAlgorithm};
use sekisho_remote::{RemoteBuckets, RemoteError, RemoteObject, RemoteUpload};
use sekisho_types::ObjectKey;
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
pub(crate) enum Sink {
    Here(Box<Upload>),
    Elsewhere(Box<RemoteUpload>),
}

/// Packs records into a sink, on a thread that may block.
pub(crate) struct Packing {
    packer: Compressor,
    sink: Sink,
    waiting: usize,
    failed: Option<FlushError>,
}

impl Sink {
    /// Begins what the cut says.
    pub async fn begin(places: &Places, cut: &CutEntry) -> Result<Self, FlushError> {
        let new = new_object(cut)?;
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

    /// Ready for records.
    pub fn pack(self, cut: &CutEntry) -> Packing {
        let packer = match &cut.target {
            Target::Object { key, compression, .. } => Compressor::new(*compression, key),
            Target::Transformation => Compressor::new(sekisho_delivery::Compression::Uncompressed, ""),
        };
        Packing { packer, sink: self, waiting: 0, failed: None }
    }

    /// Makes it durable, and visible.
    pub async fn finish(self) -> Result<(), FlushError> {
        match self {
            Self::Here(upload) => drop(upload.finish().await?),
            Self::Elsewhere(upload) => upload.finish().await?,
        }
        Ok(())
    }
}

impl Packing {
    /// One record more.
    pub fn push(&mut self, data: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        self.packer.push(data);
        self.waiting += data.len();
        if self.waiting >= PIECE_BYTES {
            self.waiting = 0;
            self.failed = self.sink.write(&self.packer.take()).err();
        }
    }

    /// That was all.
    pub fn finish(mut self) -> Result<Sink, FlushError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.sink.write(&self.packer.finish())?;
        Ok(self.sink)
    }
}

fn new_object(cut: &CutEntry) -> Result<NewObject, FlushError> {
    let Target::Object { bucket, key, compression, kms_key_arn } = &cut.target else {
        return Err(FlushError::Key(String::new()));
    };
    let mut headers = BTreeMap::from([("content-type".to_owned(), "application/octet-stream".to_owned())]);
    if let Some(encoding) = compression.content_encoding() {
        headers.insert("content-encoding".into(), encoding.into());
    }
    let encryption = EncryptionRequest {
        algorithm: kms_key_arn.is_some().then_some(SseAlgorithm::AwsKms),
        kms_key: kms_key_arn.clone(),
        ..EncryptionRequest::default()
    };
    Ok(NewObject {
        bucket: bucket.clone(),
        key: ObjectKey::parse(key).map_err(|_| FlushError::Key(key.clone()))?,
        headers,
        metadata: BTreeMap::new(),
        encryption,
        checksum: ChecksumAlgorithm::CRC64NVME,
        expected_checksum: None,
        content_md5: None,
    })
}
