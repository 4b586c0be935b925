//! Begin, get, delete: the one way to objects, for S3's operations and for delivery streams alike.
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_objects::{
    BlobId, ChecksumAlgorithm, CustomerKey, CustomerKeyCheck, Deleted, Deletion, Deletions, Digests, Encryption,
    EncryptionRequest, MANAGED_KEY_ALIAS, MANAGED_KEY_DESCRIPTION, ObjectRecord, ObjectsError, Pairs, Sealer,
    SseAlgorithm, VersionId,
};
use sekisho_state::{Event, State};
use sekisho_types::{BucketName, ObjectKey};

use crate::data_key::Place;
use crate::reader::Source;
use crate::shelf::{Shelf, Swept};
use crate::upload::{Target, blocking, remove_all};
use crate::{Bodies, Directory, Reader, StoreError, Upload, data_key};

/// Objects and their bodies.
pub struct ObjectStore {
    pub(crate) state: Arc<State>,
    pub(crate) shelf: Shelf,
}

/// What a put is to be.
#[derive(Clone, Debug)]
pub struct NewObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Content-Type and kin, by lower-case name.
    pub headers: Pairs,
    /// `x-amz-meta-*`, by lower-case name without the prefix.
    pub metadata: Pairs,
    /// Tags.
    pub tags: Pairs,
    /// What the request says of encryption.
    pub encryption: EncryptionRequest,
    /// The checksum to compute and keep.
    pub checksum: ChecksumAlgorithm,
    /// What it must come out as.
    pub expected_checksum: Option<String>,
    /// `Content-MD5`, decoded.
    pub content_md5: Option<[u8; 16]>,
}

impl NewObject {
    /// With nothing said but where.
    pub fn new(bucket: BucketName, key: ObjectKey) -> Self {
        Self {
            bucket,
            key,
            headers: Pairs::default(),
            metadata: Pairs::default(),
            tags: Pairs::default(),
            encryption: EncryptionRequest::default(),
            checksum: ChecksumAlgorithm::CRC64NVME,
            expected_checksum: None,
            content_md5: None,
        }
    }
}

/// An object that was got.
#[derive(Clone, Debug, PartialEq)]
pub struct Got {
    /// What the index keeps of it.
    pub record: ObjectRecord,
    /// Its version, if answers tell it.
    pub version: Option<VersionId>,
}

impl ObjectStore {
    /// Opens the directory of bodies and removes what a crash left there.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(dir: &Path, state: Arc<State>) -> Result<Self, StoreError> {
        let store = Self::over(Arc::new(Directory::open(dir)?), state);
        let leftovers = store.shelf.remove_leftovers()?;
        if leftovers > 0 {
            tracing::info!(files = leftovers, "removed bodies that were never finished");
        }
        store.sweep_blocking()?;
        Ok(store)
    }

    /// Puts bodies where it is told. Removes nothing there.
    pub fn over(bodies: Arc<dyn Bodies>, state: Arc<State>) -> Self {
        Self { state, shelf: Shelf::new(bodies) }
    }

    /// Removes what a crash left among the bodies, while others may put and get.
    ///
    /// # Errors
    /// As [`Bodies::list`].
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let store = Self { state: self.state.clone(), shelf: self.shelf.clone() };
        blocking(move || store.sweep_blocking()).await
    }

    fn sweep_blocking(&self) -> Result<Swept, StoreError> {
        let swept = self.shelf.sweep(|| self.state.read().objects.blobs())?;
        if swept.removed > 0 {
            tracing::info!(bodies = swept.removed, "removed bodies that belong to no object");
        }
        for blob in &swept.missing {
            tracing::error!(%blob, "the body of an object is missing");
        }
        Ok(swept)
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
        let place =
            Place { bucket: &new.bucket, key: &new.key, seal: blob, customer: new.encryption.customer.as_ref() };
        let (key, header) = data_key::make(&self.state, &encryption, place)?;
        let with_md5 = encryption == Encryption::S3 || new.content_md5.is_some();
        let shelf = self.shelf.clone();
        let file = blocking(move || shelf.begin(blob)).await?;
        Ok(Upload {
            target: self.target(new.bucket, new.key),
            headers: new.headers,
            metadata: new.metadata,
            tags: new.tags,
            encryption,
            algorithm: new.checksum,
            expected_checksum: new.expected_checksum,
            content_md5: new.content_md5,
            blob,
            file,
            sealer: Sealer::new(&key, blob),
            digests: Digests::new(new.checksum, with_md5),
            size: 0,
            sealed: header.encode(),
        })
    }

    pub(crate) fn target(&self, bucket: BucketName, key: ObjectKey) -> Target {
        Target { state: self.state.clone(), shelf: self.shelf.clone(), bucket, key, precondition: None }
    }

    /// Puts a body that is at hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, new: NewObject, body: impl Into<Bytes>) -> Result<Got, StoreError> {
        self.begin(new).await?.write_pieces(vec![body.into()]).await?.finish().await
    }

    /// What the index keeps of an object: its newest version, or the one asked for. `customer` is the key that came with the
    /// request, which must be the object's.
    ///
    /// # Errors
    /// [`StoreError::Objects`] if it is not there, or the key is not its.
    pub fn head(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        which: Option<VersionId>,
        customer: Option<&CustomerKey>,
    ) -> Result<Got, StoreError> {
        let cores = self.state.read();
        let found = cores.objects.object(bucket, key, which)?;
        found.record.encryption.check_customer_key(customer)?;
        Ok(Got { record: found.record.clone(), version: found.versioned.then_some(found.version) })
    }

    /// Gets an object: what the index keeps of it, and its body.
    ///
    /// # Errors
    /// As [`ObjectStore::head`]; [`StoreError::Kms`] if its key may not be used, [`StoreError::Damaged`], [`StoreError::Io`].
    pub async fn get(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        which: Option<VersionId>,
        customer: Option<CustomerKey>,
    ) -> Result<(Got, Reader), StoreError> {
        let (got, pin) = {
            let cores = self.state.read();
            let found = cores.objects.object(bucket, key, which)?;
            found.record.encryption.check_customer_key(customer.as_ref())?;
            let pin = self.shelf.pin(found.record.blobs().collect());
            (Got { record: found.record.clone(), version: found.versioned.then_some(found.version) }, pin)
        };
        let reader = Reader::open(Source {
            state: self.state.clone(),
            shelf: self.shelf.clone(),
            bucket: bucket.clone(),
            key: key.clone(),
            encryption: got.record.encryption.clone(),
            customer,
            bodies: got.record.bodies.clone(),
            _pin: pin,
        });
        let reader = reader.await?;
        Ok((got, reader))
    }

    /// Deletes the newest version of an object; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError::Objects`] without its bucket, [`StoreError::Journal`].
    pub async fn delete(&self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        let deletion = Deletion { key: key.clone(), version: None, precondition: None };
        self.delete_all(bucket, vec![deletion]).await.map(drop)
    }

    /// Deletes several objects or versions at once; answers what became of each.
    ///
    /// # Errors
    /// As [`ObjectStore::delete`]. Of each: [`ObjectsError::PreconditionFailed`].
    pub async fn delete_all(
        &self,
        bucket: &BucketName,
        deletions: Vec<Deletion>,
    ) -> Result<Vec<Result<Deleted, ObjectsError>>, StoreError> {
        let (state, shelf, bucket) = (self.state.clone(), self.shelf.clone(), bucket.clone());
        // Goes on even if nobody waits for it any more, so that no body stays behind.
        let task = tokio::spawn(async move {
            let (now, mut random) = (state.now(), state.random());
            let removed = state.commit(|cores| {
                let Deletions { events, outcomes, removed } =
                    cores.objects.delete_objects(now, &bucket, &deletions, &mut random)?;
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), (outcomes, removed)))
            });
            let (outcomes, removed) = removed.await?;
            remove_all(shelf, removed).await?;
            Ok(outcomes)
        });
        task.await.map_err(|_| StoreError::Ended)?
    }

    /// Deletes an empty bucket, and the parts of uploads nobody completed. Goes on even if nobody waits for it.
    ///
    /// # Errors
    /// [`StoreError::Objects`], [`StoreError::Journal`].
    pub async fn delete_bucket(&self, bucket: &BucketName) -> Result<(), StoreError> {
        let (state, shelf, bucket) = (self.state.clone(), self.shelf.clone(), bucket.clone());
        let task = tokio::spawn(async move {
            let removed = state.commit(|cores| {
                let (events, removed) = cores.objects.delete_bucket(&bucket)?;
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), removed))
            });
            remove_all(shelf, removed.await?).await
        });
        task.await.map_err(|_| StoreError::Ended)?
    }

    /// The mode a put gets, its KMS key resolved. Makes the AWS managed key when it is first needed.
    pub(crate) async fn choose(
        &self,
        bucket: &BucketName,
        request: &EncryptionRequest,
    ) -> Result<Encryption, StoreError> {
        let chosen = {
            let cores = self.state.read();
            let default = &cores.objects.bucket(bucket)?.encryption;
            if let Some(key) = &request.customer {
                return match default.customer_keys_allowed {
                    true => Ok(Encryption::Customer(CustomerKeyCheck::new(key, &mut self.state.random()))),
                    false => Err(ObjectsError::CustomerKeysBlocked.into()),
                };
            }
            default.choose(request)?
        };
        let key_arn = match (chosen.algorithm, &chosen.kms_key) {
            (SseAlgorithm::Aes256, _) => return Ok(Encryption::S3),
            (_, Some(key)) => self.key_arn(key)?.into(),
            (_, None) => self.managed_key().await?.into(),
        };
        let context = request.context.clone().into();
        Ok(match chosen.algorithm {
            SseAlgorithm::AwsKmsDsse => Encryption::Dsse { key_arn, context },
            _ => Encryption::Kms { key_arn, bucket_key: chosen.bucket_key, context },
        })
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
