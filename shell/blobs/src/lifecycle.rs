//! What has expired goes, some keys at a time. What goes is decided where it is removed, so that nothing put meanwhile goes with
//! it.
use sekisho_objects::{Bucket, ObjectsError};
use sekisho_state::Event;
use sekisho_types::BucketName;

use crate::upload::remove_all;
use crate::{ObjectStore, StoreError};

/// Keys looked at in one commit, so that nobody else waits long.
const STEP: usize = 1000;

impl ObjectStore {
    /// Removes what the buckets' lifecycle rules say has expired by now. Answers how much that was.
    ///
    /// # Errors
    /// [`StoreError::Journal`], [`StoreError::Io`].
    pub async fn expire(&self) -> Result<usize, StoreError> {
        let with_rules =
            |(name, bucket): (&BucketName, &Bucket)| bucket.settings.lifecycle.is_some().then(|| name.clone());
        let buckets: Vec<BucketName> = self.state.read().objects.buckets().filter_map(with_rules).collect();
        let mut removed = 0;
        for bucket in buckets {
            let mut after = None;
            loop {
                let (now, mut random) = (self.state.now(), self.state.random());
                let expired = self.state.commit(|cores| {
                    let (expired, next) = cores.objects.expire(now, &bucket, after.as_ref(), STEP, &mut random)?;
                    let gone = (expired.events.len(), expired.removed, next);
                    Ok::<_, StoreError>((expired.events.into_iter().map(Event::from).collect(), gone))
                });
                let (events, blobs, next) = match expired.await.map_err(StoreError::from) {
                    Ok(expired) => expired,
                    // The bucket went meanwhile: that is what was wanted.
                    Err(StoreError::Objects(ObjectsError::NoSuchBucket(_))) => break,
                    Err(error) => return Err(error),
                };
                removed += events;
                remove_all(self.shelf.clone(), blobs).await?;
                after = next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(removed)
    }
}
