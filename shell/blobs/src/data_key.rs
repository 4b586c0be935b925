//! The keys of one body: made, wrapped for its header, opened again. They seal nothing else, ever.
use std::collections::BTreeMap;

use sekisho_kms::{KmsError, RootKey, Via};
use sekisho_objects::{BlobId, CustomerKey, DataKey, Encryption, Header, ObjectsError};
use sekisho_state::State;
use sekisho_types::{BucketName, ObjectKey, Random, Secret, SecretKey};

use crate::StoreError;

/// Where a body belongs, and who opens it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) bucket: &'a BucketName,
    pub(crate) key: &'a ObjectKey,
    /// The id its chunks are sealed for.
    pub(crate) seal: BlobId,
    pub(crate) customer: Option<&'a CustomerKey>,
}

/// Makes keys and wraps them as `encryption` says.
pub(crate) fn make(state: &State, encryption: &Encryption, place: Place<'_>) -> Result<(DataKey, Header), StoreError> {
    let mut random = state.random();
    let mut fresh = || SecretKey::new(random.array());
    let outer = matches!(encryption, Encryption::Dsse { .. }).then(&mut fresh);
    let key = DataKey { inner: fresh(), outer };
    let header = wrap(state, encryption, place, &key)?;
    Ok((key, header))
}

/// Wraps keys as `encryption` says.
pub(crate) fn wrap(
    state: &State,
    encryption: &Encryption,
    place: Place<'_>,
    key: &DataKey,
) -> Result<Header, StoreError> {
    let (root_key, mut random) = (state.root_key(), state.random());
    let wrapped_key = match encryption {
        Encryption::S3 => root_key.wrap(&place.aad(), &key.inner, &mut random),
        Encryption::Customer(_) => place.customers()?.wrap(&place.aad(), &key.inner, &mut random),
        Encryption::Kms { key_arn, .. } | Encryption::Dsse { key_arn, .. } => {
            let (context, plaintext) = (place.kms_context(encryption), key.inner.expose());
            let named = (&**key_arn, &context);
            let made = state.read().kms.encrypt(Via::S3, root_key, named, plaintext, &mut random);
            state.key_used("GenerateDataKey", key_arn, &context, &made);
            made?.ciphertext_blob
        }
    };
    let wrapped_outer = key.outer.as_ref().map(|outer| root_key.wrap(&place.outer_aad(), outer, &mut random));
    Ok(Header { blob: place.seal, wrapped_key, wrapped_outer })
}

/// Opens what [`wrap`] wrapped.
pub(crate) fn open(
    state: &State,
    encryption: &Encryption,
    place: Place<'_>,
    header: &Header,
) -> Result<DataKey, StoreError> {
    let damaged = || StoreError::Damaged { blob: place.seal, found: "its data key does not open" };
    let wrapped = header.wrapped_key.as_slice();
    let inner = match encryption {
        Encryption::S3 => state.root_key().unwrap(&place.aad(), wrapped).map_err(|_| damaged())?,
        Encryption::Customer(_) => place.customers()?.unwrap(&place.aad(), wrapped).map_err(|_| damaged())?,
        Encryption::Kms { key_arn, .. } | Encryption::Dsse { key_arn, .. } => {
            let context = place.kms_context(encryption);
            let opened = state.read().kms.decrypt(Via::S3, state.root_key(), wrapped, &context, Some(key_arn));
            state.key_used("Decrypt", key_arn, &context, &opened);
            match opened {
                Ok(opened) => secret_key(&opened.plaintext).ok_or_else(damaged)?,
                // The caller had no hand in the ciphertext: it is the file that is wrong.
                Err(KmsError::InvalidCiphertext | KmsError::IncorrectKey) => return Err(damaged()),
                Err(refusal) => return Err(refusal.into()),
            }
        }
    };
    // A layer more or less than the index says is another body's header.
    let outer = match (encryption, &header.wrapped_outer) {
        (Encryption::Dsse { .. }, Some(wrapped)) => {
            Some(state.root_key().unwrap(&place.outer_aad(), wrapped).map_err(|_| damaged())?)
        }
        (Encryption::Dsse { .. }, None) | (_, Some(_)) => return Err(damaged()),
        (_, None) => None,
    };
    Ok(DataKey { inner, outer })
}

impl Place<'_> {
    /// What a wrapped key is for: this body under this name.
    fn aad(&self) -> Vec<u8> {
        self.labelled(b"sekisho object")
    }

    fn outer_aad(&self) -> Vec<u8> {
        self.labelled(b"sekisho object, outer layer")
    }

    fn labelled(&self, label: &[u8]) -> Vec<u8> {
        [label, self.seal.as_bytes(), self.bucket.as_str().as_bytes(), b"/", self.key.as_str().as_bytes()].concat()
    }

    fn kms_context(&self, encryption: &Encryption) -> BTreeMap<String, String> {
        let (context, bucket_key) = match encryption {
            Encryption::Kms { context, bucket_key, .. } => (Some(context), *bucket_key),
            Encryption::Dsse { context, .. } => (Some(context), false),
            Encryption::S3 | Encryption::Customer(_) => (None, false),
        };
        Encryption::kms_context(context.unwrap_or(&Default::default()), bucket_key, self.bucket, self.key)
    }

    fn customers(&self) -> Result<RootKey, StoreError> {
        let customer = self.customer.ok_or(StoreError::Objects(ObjectsError::CustomerKeyMissing))?;
        // Each body is wrapped under a key derived for this purpose alone.
        Ok(RootKey::new(RootKey::new(customer.secret().clone()).derive("sekisho customer key wraps data keys")))
    }
}

fn secret_key(secret: &Secret) -> Option<SecretKey> {
    secret.expose().try_into().ok().map(SecretKey::new)
}
