//! What has expired goes: as DeleteObject and AbortMultipartUpload do it, a step at a time.
use sekisho_objects::{Deletion, Expired};
use sekisho_types::BucketName;

use crate::{ObjectStore, StoreError, UploadName};

/// Entries removed in one commit, so that nobody else waits long.
const STEP: usize = 500;

impl ObjectStore {
    /// Removes what the buckets' lifecycle rules say has expired by now. Answers how much that was.
    ///
    /// # Errors
    /// [`StoreError::Journal`], [`StoreError::Io`].
    pub async fn expire(&self) -> Result<usize, StoreError> {
        let with_rules = |(name, bucket): (&BucketName, &sekisho_objects::Bucket)| {
            bucket.settings.lifecycle.is_some().then(|| name.clone())
        };
        let buckets: Vec<BucketName> = self.state.read().objects.buckets().filter_map(with_rules).collect();
        let mut removed = 0;
        for bucket in buckets {
            loop {
                let now = self.state.now();
                let found = self.state.read().objects.bucket(&bucket).map(|known| known.expired(now, STEP));
                let Ok(expired) = found else { break };
                let full = expired.len() == STEP;
                removed += expired.len();
                let (mut deletions, mut uploads) = (Vec::new(), Vec::new());
                for entry in expired {
                    match entry {
                        Expired::Current(key) => deletions.push(Deletion { key, version: None, precondition: None }),
                        Expired::Version(key, id) => {
                            deletions.push(Deletion { key, version: Some(id), precondition: None });
                        }
                        Expired::Upload(key, id) => uploads.push(UploadName { bucket: bucket.clone(), key, id }),
                    }
                }
                // Deleted meanwhile by somebody else, or with its bucket: that is what was wanted.
                settled(self.delete_all(&bucket, deletions).await.map(|_| ()))?;
                for upload in uploads {
                    settled(self.abort_multipart(&upload).await)?;
                }
                if !full {
                    break;
                }
            }
        }
        Ok(removed)
    }
}

fn settled(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Objects(_)) => Ok(()),
        other => other,
    }
}
