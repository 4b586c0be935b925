//! The same object under another KMS key: what may be, what is already, and what the index keeps then.
use sekisho_types::{BucketName, ObjectKey};

use crate::{BlobId, Body, Bucket, Encryption, Event, Objects, ObjectsError, VersionId};

/// The versions of some keys, by whether they are to be resealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToReseal {
    /// These are.
    pub versions: Vec<(ObjectKey, VersionId)>,
    /// So many are under the key already.
    pub already: u64,
    /// So many cannot be.
    pub left: u64,
    /// The last of the keys, if there are more.
    pub next: Option<ObjectKey>,
}

impl Encryption {
    /// As it is under another KMS key: the caller's pairs stay.
    ///
    /// # Errors
    /// [`ObjectsError::NotResealable`] for SSE-C and DSSE-KMS.
    pub fn resealed(&self, key_arn: &str, bucket_key: bool) -> Result<Self, ObjectsError> {
        let context = match self {
            Self::S3 => Default::default(),
            Self::Kms { context, .. } => context.clone(),
            Self::Dsse { .. } => return Err(ObjectsError::NotResealable("DSSE-KMS")),
            Self::Customer(_) => return Err(ObjectsError::NotResealable("SSE-C")),
        };
        Ok(Self::Kms { key_arn: key_arn.into(), bucket_key, context })
    }
}

impl Bucket {
    /// Which versions of the `keys` keys behind `after` are to be resealed, to be all under `key_arn`.
    pub fn to_reseal(&self, key_arn: &str, bucket_key: bool, after: Option<&ObjectKey>, keys: usize) -> ToReseal {
        let (page, next) = self.keys_after(after, keys);
        let mut found = ToReseal { next, ..ToReseal::default() };
        for (key, versions) in page {
            for version in versions.iter() {
                let Some(record) = version.object() else { continue };
                match record.encryption.resealed(key_arn, bucket_key) {
                    Err(_) => found.left += 1,
                    Ok(resealed) if resealed == record.encryption => found.already += 1,
                    Ok(_) => found.versions.push((key.clone(), version.id)),
                }
            }
        }
        found
    }
}

impl Objects {
    /// The same object in other files, sealed under another key; answers the files that are nobody's then. `from` is what the
    /// files were made of: if the object has others by now, they are another's.
    ///
    /// # Errors
    /// As [`Objects::object`]; [`ObjectsError::NoSuchKey`] if it was replaced meanwhile.
    pub fn reseal_object(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: VersionId,
        from: &[Body],
        encryption: Encryption,
        bodies: Box<[Body]>,
    ) -> Result<(Vec<Event>, Vec<BlobId>), ObjectsError> {
        let found = self.object(bucket, key, Some(version))?;
        if *found.record.bodies != *from {
            return Err(ObjectsError::NoSuchKey(key.clone()));
        }
        let replaced = found.record.blobs().collect();
        let (bucket, key) = (bucket.clone(), key.clone());
        Ok((vec![Event::ObjectResealed { bucket, key, version, encryption, bodies }], replaced))
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::SecretKey;

    use super::*;
    use crate::{CustomerKey, CustomerKeyCheck, Pairs};

    #[test]
    fn which_modes_go_under_another_key() {
        let pairs: Pairs =
            [("a".to_owned(), "b".to_owned())].into_iter().collect::<std::collections::BTreeMap<_, _>>().into();
        let kms = |key_arn: &str, bucket_key, context| Encryption::Kms { key_arn: key_arn.into(), bucket_key, context };
        let customers =
            CustomerKeyCheck::new(&CustomerKey::new(SecretKey::new([1; 32])), &mut |out: &mut [u8]| out.fill(1));
        let dsse = Encryption::Dsse { key_arn: "new".into(), context: Pairs::default() };
        #[rustfmt::skip] // UpdateObjectEncryption           before                               after
        let table = [
            ("SSE-S3",                                       Encryption::S3,                      Some(kms("new", true, Pairs::default()))),
            ("SSE-KMS: the pairs stay",                      kms("old", false, pairs.clone()),    Some(kms("new", true, pairs))),
            ("SSE-C: the key is the customer's",             Encryption::Customer(customers),     None),
            ("DSSE-KMS",                                     dsse,                                None),
        ];
        for (source, before, after) in table {
            assert_eq!(before.resealed("new", true).ok(), after, "{source}");
        }
    }
}
