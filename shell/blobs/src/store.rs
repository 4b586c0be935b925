//! Begin, get, delete: the one way to objects, for S3's operations and for delivery streams alike.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use sekisho_objects::{
    BlobId, ChecksumAlgorithm, Digests, Encryption, EncryptionRequest, Header, MANAGED_KEY_ALIAS,
    MANAGED_KEY_DESCRIPTION, ObjectRecord, Sealer, SseAlgorithm,
};
use sekisho_state::{Event, State};
use sekisho_types::{BucketName, ObjectKey};

use crate::multipart::Uploads;
use crate::reader::Source;
use crate::upload::{Target, blocking, remove_all};
use crate::{BlobDir, Reader, StoreError, Upload, data_key};

/// Objects and their bodies.
pub struct ObjectStore {
    pub(crate) state: Arc<State>,
    pub(crate) dir: BlobDir,
    pub(crate) uploads: Arc<Mutex<Uploads>>,
}

/// What a put is to be.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Content-Type and kin, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-*`, by lower-case name without the prefix.
    pub metadata: BTreeMap<String, String>,
    /// What the request says of encryption.
    pub encryption: EncryptionRequest,
    /// The checksum to compute and keep.
    pub checksum: ChecksumAlgorithm,
    /// What it must come out as.
    pub expected_checksum: Option<String>,
    /// `Content-MD5`, decoded.
    pub content_md5: Option<[u8; 16]>,
}

impl ObjectStore {
    /// Opens the directory of bodies and removes what a crash left there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(dir: &Path, state: Arc<State>) -> Result<Self, StoreError> {
        let dir = BlobDir::open(dir)?;
        let known = state.read().objects.blobs();
        let swept = dir.sweep(&known)?;
        if swept.removed > 0 {
            tracing::info!(files = swept.removed, "removed bodies that belong to no object");
        }
        for blob in &swept.missing {
            tracing::error!(%blob, "the body of an object is missing");
        }
        Ok(Self { state, dir, uploads: Arc::default() })
    }

    /// Begins a put.
    ///
    /// # Errors
    /// [`StoreError::Objects`] without its bucket or with contradicting headers, [`StoreError::Kms`], [`StoreError::Io`].
    pub async fn begin(&self, new: NewObject) -> Result<Upload, StoreError> {
        let encryption = self.choose(&new.bucket, &new.encryption).await?;
        self.begin_as(new, encryption).await
    }

    /// Begins a put whose mode is decided.
    pub(crate) async fn begin_as(&self, new: NewObject, encryption: Encryption) -> Result<Upload, StoreError> {
        let blob = BlobId::new(&mut self.state.random());
        let (key, wrapped_key) = data_key::make(&self.state, &encryption, &new.bucket, &new.key, blob)?;
        let with_md5 = encryption == Encryption::S3 || new.content_md5.is_some();
        let dir = self.dir.clone();
        let file = blocking(move || dir.create(blob)).await?;
        Ok(Upload {
            target: self.target(new.bucket, new.key),
            headers: new.headers,
            metadata: new.metadata,
            encryption,
            algorithm: new.checksum,
            expected_checksum: new.expected_checksum,
            content_md5: new.content_md5,
            blob,
            file,
            sealer: Sealer::new(&key, blob),
            digests: Digests::new(new.checksum, with_md5),
            size: 0,
            sealed: Header { blob, wrapped_key }.encode(),
        })
    }

    pub(crate) fn target(&self, bucket: BucketName, key: ObjectKey) -> Target {
        Target { state: self.state.clone(), dir: self.dir.clone(), bucket, key, precondition: None }
    }

    /// Puts a body that is at hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, new: NewObject, body: impl Into<Bytes>) -> Result<ObjectRecord, StoreError> {
        self.begin(new).await?.write_pieces(vec![body.into()]).await?.finish().await
    }

    /// Gets an object: what the index keeps of it, and its body.
    ///
    /// # Errors
    /// [`StoreError::Objects`] if it is not there, [`StoreError::Kms`] if its key may not be used, [`StoreError::Damaged`],
    /// [`StoreError::Io`].
    pub async fn get(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(ObjectRecord, Reader), StoreError> {
        let (record, pin) = {
            let cores = self.state.read();
            let record = cores.objects.object(bucket, key)?.clone();
            let pin = self.dir.pin(record.blobs().collect());
            (record, pin)
        };
        let reader = Reader::open(Source {
            state: self.state.clone(),
            dir: self.dir.clone(),
            bucket: bucket.clone(),
            key: key.clone(),
            encryption: record.encryption.clone(),
            bodies: record.bodies.clone(),
            _pin: pin,
        });
        let reader = reader.await?;
        Ok((record, reader))
    }

    /// Deletes an object; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Objects`] without its bucket, [`StoreError::Journal`].
    pub async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        self.delete_all(bucket, BTreeSet::from([key.clone()])).await
    }

    /// Deletes several objects at once, all or none.
    ///
    /// # Errors
    /// As [`ObjectStore::delete`].
    pub async fn delete_all(&self, bucket: &BucketName, keys: BTreeSet<ObjectKey>) -> Result<(), StoreError> {
        let (state, dir, bucket) = (self.state.clone(), self.dir.clone(), bucket.clone());
        // Goes on even if nobody waits for it any more, so that no body stays behind.
        let task = tokio::spawn(async move {
            let removed = state.commit(|cores| {
                let (events, removed) = cores.objects.delete_objects(&bucket, &keys)?;
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), removed))
            });
            remove_all(dir, removed.await?).await
        });
        task.await.map_err(|_| StoreError::Ended)?
    }

    /// The mode a put gets, its KMS key resolved. Makes the AWS managed key when it is first needed.
    pub(crate) async fn choose(
        &self,
        bucket: &BucketName,
        request: &EncryptionRequest,
    ) -> Result<Encryption, StoreError> {
        let chosen = self.state.read().objects.bucket(bucket)?.encryption.choose(request)?;
        match chosen.algorithm {
            SseAlgorithm::Aes256 => Ok(Encryption::S3),
            SseAlgorithm::AwsKms => {
                let key_arn = match chosen.kms_key {
                    Some(key) => self.key_arn(&key)?,
                    None => self.managed_key().await?,
                };
                Ok(Encryption::Kms { key_arn, bucket_key: chosen.bucket_key, context: request.context.clone() })
            }
        }
    }

    fn key_arn(&self, key: &str) -> Result<String, StoreError> {
        Ok(self.state.read().kms.resolve(key)?.arn(self.state.tenant()))
    }

    async fn managed_key(&self) -> Result<String, StoreError> {
        if let Ok(arn) = self.key_arn(MANAGED_KEY_ALIAS) {
            return Ok(arn);
        }
        let (state, mut random) = (&self.state, self.state.random());
        let made = state.commit(|cores| {
            let (now, root_key) = (state.now(), state.root_key());
            let (events, arn) =
                cores.kms.ensure_managed(now, root_key, MANAGED_KEY_ALIAS, MANAGED_KEY_DESCRIPTION, &mut random);
            Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), arn))
        });
        Ok(made.await?)
    }
}
