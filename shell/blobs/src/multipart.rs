//! Objects that come in parts: what the disk does for them. Which parts there are, the index knows.
use sekisho_objects::{
    BlobId, ChecksumAlgorithm, Completion, CustomerKey, Encryption, EncryptionRequest, MultipartUpload, NewVersion,
    ObjectsError, Pairs, Part, UploadId,
};
use sekisho_state::Event;
use sekisho_types::{BucketName, ObjectKey};

use crate::data_key::Place;
use crate::upload::{Stored, remove_all};
use crate::{Got, NewObject, ObjectStore, StoreError, Upload, data_key};

/// What an object that comes in parts is to be.
#[derive(Clone, Debug)]
pub struct NewMultipart {
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
    /// The checksum to keep of the object.
    pub checksum: ChecksumAlgorithm,
    /// Whether that is a checksum of the parts' checksums. Only a CRC can be anything else.
    pub composite: bool,
}

/// Names an upload.
#[derive(Clone, Debug)]
pub struct UploadName {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Its id.
    pub id: UploadId,
}

impl ObjectStore {
    /// Begins an object that comes in parts; answers the upload's id and mode.
    ///
    /// # Errors
    /// As [`ObjectStore::begin`]; [`ObjectsError::TooManyUploads`].
    pub async fn create_multipart(&self, new: NewMultipart) -> Result<(UploadId, Encryption), StoreError> {
        let encryption = self.choose(&new.bucket, &new.encryption).await?;
        let mut random = self.state.random();
        // The key must be usable now, not only when the first part comes.
        let customer = new.encryption.customer.as_ref();
        let place = Place { bucket: &new.bucket, key: &new.key, seal: BlobId::new(&mut random), customer };
        data_key::make(&self.state, &encryption, place)?;
        let upload = MultipartUpload {
            headers: new.headers,
            metadata: new.metadata,
            tags: new.tags,
            encryption: encryption.clone(),
            checksum: new.checksum,
            composite: new.composite,
            initiated: self.state.now(),
            parts: Default::default(),
        };
        let id = UploadId::new(&mut random);
        let begun = self.state.commit(|cores| {
            let events = cores.objects.begin_upload(&new.bucket, &new.key, id, upload)?;
            Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), ()))
        });
        begun.await?;
        Ok((id, encryption))
    }

    /// Begins a part. Its checksum is of the upload's algorithm.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchUpload`], [`ObjectsError::PartKeyMissing`], [`ObjectsError::PartKeyWrong`]; as
    /// [`ObjectStore::begin`].
    pub async fn begin_part(
        &self,
        name: &UploadName,
        content_md5: Option<[u8; 16]>,
        customer: Option<CustomerKey>,
    ) -> Result<Upload, StoreError> {
        let (checksum, encryption) = {
            let cores = self.state.read();
            let upload = cores.objects.bucket(&name.bucket)?.upload(&name.key, name.id)?;
            upload.check_customer_key(customer.as_ref())?;
            (upload.checksum, upload.encryption.clone())
        };
        let part = NewObject {
            encryption: EncryptionRequest { customer, ..EncryptionRequest::default() },
            checksum,
            content_md5,
            ..NewObject::new(name.bucket.clone(), name.key.clone())
        };
        self.begin_as(part, encryption).await
    }

    /// The part is whole: keeps it in place of an earlier one of the same number. Goes on even if nobody waits for it.
    ///
    /// # Errors
    /// As [`Upload::finish`]; [`ObjectsError::NoSuchUpload`] if the upload ended meanwhile.
    pub async fn finish_part(&self, name: &UploadName, number: u16, part: Upload) -> Result<Part, StoreError> {
        let (state, shelf, name) = (self.state.clone(), self.shelf.clone(), name.clone());
        let task = tokio::spawn(async move {
            let Stored { file, body, etag, checksum } = part.store().await?;
            let part = Part { body, etag: etag.into(), checksum, last_modified: state.now() };
            let put = state.commit(|cores| {
                let UploadName { bucket, key, id } = &name;
                let (events, replaced) = cores.objects.put_part(bucket, key, *id, number, part.clone())?;
                file.keep();
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), replaced))
            });
            remove_all(shelf, put.await?.into_iter().collect()).await?;
            Ok(part)
        });
        task.await.map_err(|_| StoreError::Ended)?
    }

    /// Makes one object of the parts listed; the others are gone then. Goes on even if nobody waits for it.
    ///
    /// # Errors
    /// [`ObjectsError`]; the upload stays open then. [`StoreError::Journal`].
    pub async fn complete_multipart(&self, name: &UploadName, completion: Completion) -> Result<Got, StoreError> {
        let (state, shelf, name) = (self.state.clone(), self.shelf.clone(), name.clone());
        let task = tokio::spawn(async move {
            let mut random = state.random();
            let completed = state.commit(|cores| {
                let UploadName { bucket, key, id } = &name;
                let (objects, now) = (&cores.objects, state.now());
                let (NewVersion { events, replaced, version }, record) =
                    objects.complete_upload(now, bucket, key, *id, &completion, &mut random)?;
                let got = Got { record, version };
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), (got, replaced)))
            });
            let (got, replaced) = completed.await?;
            remove_all(shelf, replaced).await?;
            Ok(got)
        });
        task.await.map_err(|_| StoreError::Ended)?
    }

    /// Gives an upload up. Goes on even if nobody waits for it.
    ///
    /// # Errors
    /// [`ObjectsError::NoSuchUpload`].
    pub async fn abort_multipart(&self, name: &UploadName) -> Result<(), StoreError> {
        let (state, shelf, name) = (self.state.clone(), self.shelf.clone(), name.clone());
        let task = tokio::spawn(async move {
            let aborted = state.commit(|cores| {
                let (events, removed) = cores.objects.abort_upload(&name.bucket, &name.key, name.id)?;
                Ok::<_, StoreError>((events.into_iter().map(Event::from).collect(), removed))
            });
            remove_all(shelf, aborted.await?).await
        });
        task.await.map_err(|_| StoreError::Ended)?
    }
}

/// Reads an upload's id as a request has it.
///
/// # Errors
/// [`ObjectsError::NoSuchUpload`] for what is not one.
pub fn upload_id(text: &str) -> Result<UploadId, ObjectsError> {
    UploadId::parse(text).ok_or(ObjectsError::NoSuchUpload)
}
