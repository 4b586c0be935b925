//! Buckets of other people: S3 elsewhere, to which delivery streams deliver, and where our own objects' bodies may lie.
//!
//! Receives what `[[bucket]]` or `[object_store]` says and an object's bytes; hands on an object that is there, and its bytes
//! again. A body is never whole in memory: a long one goes in parts. Writing an object again under its key, with the same bytes,
//! changes nothing, so whoever is in doubt writes again.
mod bucket; // one bucket: where it is and who asks
mod objects; // what is in it: a range of one, gone, all of them
mod error; // why an object is not there
mod request; // one signed request, tried a few times
mod upload; // an object on its way
mod xml; // the few words of XML that multipart uploads speak

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use sekisho_client::HttpClient;
use sekisho_types::{BucketName, Timestamp};

pub use bucket::{AddressingStyle, Endpoint, EndpointError, RemoteBucket};
pub use error::RemoteError;
pub use objects::{ObjectRange, Page, RemoteObjects};
pub use upload::{RemoteObject, RemoteUpload};

/// Every bucket that is kept elsewhere. None, by default.
#[derive(Default)]
pub struct RemoteBuckets {
    by_name: BTreeMap<BucketName, Arc<RemoteBucket>>,
    client: Arc<HttpClient>,
}

impl RemoteBuckets {
    /// Of two with one name, the later counts; `sekisho.toml` has been checked for that.
    pub fn new(buckets: Vec<RemoteBucket>) -> Self {
        let by_name = buckets.into_iter().map(|bucket| (bucket.name.clone(), Arc::new(bucket))).collect();
        Self { by_name, client: Arc::default() }
    }

    /// Whether a bucket of this name is kept elsewhere.
    pub fn contains(&self, name: &BucketName) -> bool {
        self.by_name.contains_key(name)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &BucketName> {
        self.by_name.keys()
    }

    /// What is in a bucket. None if it is not kept elsewhere.
    pub fn objects(&self, name: &BucketName) -> Option<RemoteObjects> {
        let bucket = self.by_name.get(name)?.clone();
        Some(RemoteObjects::with(bucket, self.client.clone()))
    }

    /// Begins an object. None if its bucket is not kept elsewhere.
    pub fn begin(&self, object: RemoteObject) -> Option<RemoteUpload> {
        let bucket = self.by_name.get(&object.bucket)?.clone();
        Some(RemoteUpload::new(bucket, self.client.clone(), object))
    }
}

/// The system's clock: a signature names its time.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
