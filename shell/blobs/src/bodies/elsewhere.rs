//! Bodies as objects of another S3: `<prefix><2 hex>/<32 hex>`. They leave sealed, as they would lie on the disk.
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sekisho_objects::BlobId;
use sekisho_remote::{RemoteBucket, RemoteError, RemoteObjects, RemoteUpload};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

use super::{Bodies, Listing, NewBody, StoredBody, cut_short, missing, name, parse_name};
use crate::StoreError;

/// Bodies on their way there at once; each has at most 8 MiB in memory. And then: [`StoreError::Busy`].
const WRITES_MAX: usize = 128;
/// Requests that a thread waits for at once: half of the threads tokio has for what blocks, so that a store that has stopped
/// answering leaves the others to everybody else. And then: [`StoreError::Busy`].
const WAITING_MAX: usize = 256;
/// Bodies that wait to be removed; 1 MB. And then: the next start's sweep removes them.
const REMOVALS_MAX: usize = 65_536;
/// Of them, how many at once.
const REMOVED_AT_ONCE: usize = 16;
/// How long a removal that failed waits; it doubles.
const REMOVED_AGAIN_MIN: Duration = Duration::from_secs(1);
/// And no longer than this.
const REMOVED_AGAIN_MAX: Duration = Duration::from_secs(60);
/// How often `request_max` somebody waits for what they asked, second attempts included. And then: [`RemoteError::Silent`], so that
/// a client is told before it gives up by itself.
const PATIENCE: u32 = 2;
/// What is read when a body is opened: its header, and all of most bodies.
const BEGINNING_BYTES: u64 = 256 * 1024;

/// Told why the store elsewhere does not do what it should: the first time in a row, the second, the fourth and so on.
pub type Told = Box<dyn Fn(&RemoteError) + Send + Sync>;

/// A part of a bucket elsewhere that is this server's alone.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    place: Arc<Place>,
    removals: mpsc::Sender<BlobId>,
    writes: Arc<Semaphore>,
}

struct Place {
    objects: RemoteObjects,
    prefix: String,
    patience: Duration,
    runtime: Handle,
    waiting: Semaphore,
    failures: Failures,
}

struct Failures {
    in_a_row: AtomicUsize,
    told: Told,
}

impl Elsewhere {
    /// Bodies below `prefix`, which no other server may have: a sweep removes what this one does not know. Called within a
    /// runtime; what is asked of the place is asked by threads that may block.
    pub fn new(bucket: RemoteBucket, prefix: String, told: Told) -> Self {
        let place = Arc::new(Place {
            patience: bucket.request_max * PATIENCE,
            objects: RemoteObjects::new(bucket),
            prefix,
            runtime: Handle::current(),
            waiting: Semaphore::new(WAITING_MAX),
            failures: Failures { in_a_row: AtomicUsize::new(0), told },
        });
        let (removals, removed) = mpsc::channel(REMOVALS_MAX);
        tokio::spawn(remove_all(place.clone(), removed));
        Self { place, removals, writes: Arc::new(Semaphore::new(WRITES_MAX)) }
    }
}

impl Bodies for Elsewhere {
    fn begin(&self, blob: BlobId) -> Result<Box<dyn NewBody>, StoreError> {
        let permit = self.writes.clone().try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let upload = self.place.objects.begin(self.place.key(blob));
        Ok(Box::new(NewObject { place: self.place.clone(), upload, _permit: permit }))
    }

    fn open(&self, blob: BlobId) -> Result<Box<dyn StoredBody>, StoreError> {
        // What has begun waits for its turn; what begins can be told to come again.
        if self.place.waiting.available_permits() == 0 {
            return Err(StoreError::Busy);
        }
        let object = StoredObject { place: self.place.clone(), blob, beginning: Bytes::new(), length: 0 };
        let (beginning, length) = object.read(0, BEGINNING_BYTES)?;
        Ok(Box::new(StoredObject { beginning, length, ..object }))
    }

    fn remove(&self, blob: BlobId) {
        if self.removals.try_send(blob).is_err() {
            tracing::warn!(%blob, "too many bodies wait to be removed elsewhere; the next start removes it");
        }
    }

    fn list(&self) -> Result<Listing, StoreError> {
        let (mut listing, mut from) = (Listing::default(), None);
        loop {
            let page = self.place.wait("list", self.place.objects.list(&self.place.prefix, from.as_deref()))?;
            for key in page.keys {
                match key.strip_prefix(&self.place.prefix).and_then(parse_name) {
                    Some(blob) => listing.bodies.push(blob),
                    None => listing.others.push(key),
                }
            }
            match page.next {
                Some(next) if from.as_ref() != Some(&next) => from = Some(next),
                _ => return Ok(listing),
            }
        }
    }
}

impl Place {
    fn key(&self, blob: BlobId) -> String {
        format!("{}{}", self.prefix, name(blob))
    }

    /// Waits for an answer, on a thread that may block.
    fn wait<T>(
        &self,
        doing: &'static str,
        request: impl Future<Output = Result<T, RemoteError>>,
    ) -> Result<T, StoreError> {
        let in_turn = async {
            let _permit = self.waiting.acquire().await;
            request.await
        };
        let in_time = self.runtime.block_on(async { tokio::time::timeout(self.patience, in_turn).await });
        let answered = in_time.unwrap_or(Err(RemoteError::Silent(self.patience)));
        self.note(answered.as_ref().err());
        answered.map_err(|source| StoreError::Elsewhere { doing, source })
    }

    /// Keeps count of what fails, and tells now and then.
    fn note(&self, error: Option<&RemoteError>) {
        match error.filter(|error| !is_about_the_object(error)) {
            None => {
                if self.failures.in_a_row.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!("the object store elsewhere answers again");
                }
            }
            Some(error) => {
                if (self.failures.in_a_row.fetch_add(1, Ordering::Relaxed) + 1).is_power_of_two() {
                    (self.failures.told)(error);
                }
            }
        }
    }
}

/// Whether the store does well, and only the object is not what was asked for.
fn is_about_the_object(error: &RemoteError) -> bool {
    matches!(error.code(), Some("NoSuchKey" | "InvalidRange"))
}

struct NewObject {
    place: Arc<Place>,
    upload: RemoteUpload,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl NewBody for NewObject {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let asks = !self.upload.has_room(bytes.len());
        let written = self.upload.write(bytes);
        match asks {
            true => self.place.wait("write", written),
            // What is only gathered says nothing of the store.
            false => {
                self.place.runtime.block_on(written).map_err(|source| StoreError::Elsewhere { doing: "write", source })
            }
        }
    }

    fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.place.wait("write", self.upload.finish())
    }
}

struct StoredObject {
    place: Arc<Place>,
    blob: BlobId,
    /// Read when it was opened.
    beginning: Bytes,
    length: u64,
}

impl StoredObject {
    /// Bytes from `from` on, fewer than `bytes` only at its end, and its length.
    fn read(&self, from: u64, bytes: u64) -> Result<(Bytes, u64), StoreError> {
        let key = self.place.key(self.blob);
        let found = self.place.wait("read", self.place.objects.get(&key, from..from + bytes));
        match found {
            Ok(range) => Ok((range.bytes, range.length)),
            Err(StoreError::Elsewhere { source, .. }) if source.code() == Some("NoSuchKey") => Err(missing(self.blob)),
            Err(StoreError::Elsewhere { source, .. }) if source.code() == Some("InvalidRange") => {
                Err(cut_short(self.blob))
            }
            Err(error) => Err(error),
        }
    }
}

impl StoredBody for StoredObject {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), StoreError> {
        let at_hand = usize::try_from(offset).ok().and_then(|offset| self.beginning.get(offset..)).unwrap_or_default();
        let (at_hand, rest) = (&at_hand[..at_hand.len().min(buffer.len())], buffer.len().saturating_sub(at_hand.len()));
        let (begin, end) = buffer.split_at_mut(at_hand.len());
        begin.copy_from_slice(at_hand);
        if rest == 0 {
            return Ok(());
        }
        let (bytes, _) = self.read(offset + at_hand.len() as u64, rest as u64)?;
        if bytes.len() < end.len() {
            return Err(cut_short(self.blob));
        }
        end.copy_from_slice(&bytes);
        Ok(())
    }
}

/// Removes what it is told, until nobody is left to tell it.
async fn remove_all(place: Arc<Place>, mut removed: mpsc::Receiver<BlobId>) {
    let at_once = Arc::new(Semaphore::new(REMOVED_AT_ONCE));
    while let Some(blob) = removed.recv().await {
        let Ok(permit) = at_once.clone().acquire_owned().await else { return };
        let place = place.clone();
        tokio::spawn(async move {
            place.remove(blob).await;
            drop(permit);
        });
    }
}

impl Place {
    /// Removes a body, however long the store is away. A stop comes first: then the next start's sweep does it.
    async fn remove(&self, blob: BlobId) {
        let mut wait = REMOVED_AGAIN_MIN;
        loop {
            let removed = self.objects.delete(&self.key(blob)).await;
            self.note(removed.as_ref().err());
            if removed.is_ok() {
                return;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(REMOVED_AGAIN_MAX);
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("objects", &self.objects).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use sekisho_remote::{AddressingStyle, Endpoint};
    use sekisho_types::{BucketName, Secret};

    use super::*;

    /// A store that takes connections and says nothing, and what was told of it.
    fn silent() -> (Elsewhere, Arc<Mutex<Vec<String>>>, std::net::TcpListener) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let bucket = RemoteBucket {
            name: BucketName::parse("bodies").unwrap(),
            endpoint: Endpoint::parse(&format!("http://{}", listener.local_addr().unwrap()), true).unwrap(),
            region: "us-east-1".into(),
            credentials: sekisho_sigv4::Credentials {
                access_key_id: "AKID".into(),
                secret_access_key: Secret::new(b"secret".to_vec()),
                session_token: None,
            },
            style: AddressingStyle::Path,
            request_max: Duration::from_millis(50),
        };
        let told = Arc::new(Mutex::new(Vec::new()));
        let noted = told.clone();
        let place = Elsewhere::new(bucket, "p/".into(), Box::new(move |e| noted.lock().unwrap().push(e.to_string())));
        (place, told, listener)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn silence_ends_and_is_told_now_and_then() {
        let (place, told, _listener) = silent();
        let asked = tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            for number in 0..5 {
                let mut body = place.begin(BlobId::from_bytes([number; 16])).unwrap();
                body.write(b"x").unwrap();
                let refused = body.finish();
                assert!(matches!(refused, Err(StoreError::Elsewhere { doing: "write", .. })), "{refused:?}");
            }
            assert!(began.elapsed() < Duration::from_secs(5));
            let all: Vec<_> = (0..WRITES_MAX).map(|_| place.begin(BlobId::from_bytes([9; 16])).unwrap()).collect();
            assert!(matches!(place.begin(BlobId::from_bytes([9; 16])).err(), Some(StoreError::Busy)));
            drop(all);
            assert!(place.begin(BlobId::from_bytes([9; 16])).is_ok());
        });
        asked.await.unwrap();
        assert_eq!(told.lock().unwrap().len(), 3, "the first, the second, the fourth");
    }
}
