//! Descriptions of Protocol Buffers' messages that rules decode: read from a bucket when they are first needed, and again after a while.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sekisho_blobs::StoreError;
use sekisho_protobuf::{DESCRIPTORS_BYTES_MAX, Descriptors, ProtobufError};
use sekisho_remote::RemoteError;
use sekisho_rules::{Answer, ProtobufMessage};
use sekisho_types::{BucketName, ObjectKey};

use crate::delivery::Places;

/// Until an object that was replaced counts.
const KEPT: Duration = Duration::from_secs(60);
/// Descriptions that are kept; a message may name which. And then: those that are none, and the oldest, go.
const KEPT_MAX: usize = 256;

/// Bucket and key.
type Place = (String, String);
/// When it was read, and what it is or why it is none.
type Kept = (Instant, Result<Arc<Descriptors>, Arc<str>>);

/// Those that were read lately, and why others were not.
#[derive(Default)]
pub(crate) struct Schemas(Mutex<HashMap<Place, Kept>>);

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("s3://{bucket}/{key} cannot be read")]
    Here {
        bucket: String,
        key: String,
        #[source]
        error: StoreError,
    },
    #[error("s3://{bucket}/{key} cannot be read")]
    Elsewhere {
        bucket: String,
        key: String,
        #[source]
        error: RemoteError,
    },
    #[error("`{0}` is no bucket, or `{1}` no key")]
    Place(String, String),
    #[error(transparent)]
    Protobuf(#[from] ProtobufError),
}

impl SchemaError {
    /// The same will fail again, as far as anybody knows.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Here { error, .. } => matches!(error, StoreError::Objects(_) | StoreError::Kms(_)),
            Self::Elsewhere { error, .. } => !error.is_passing(),
            Self::Place(..) | Self::Protobuf(_) => true,
        }
    }
}

impl Schemas {
    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a message says, if its description is at hand.
    pub(crate) fn answer(&self, message: &ProtobufMessage) -> Answer {
        let place = (message.bucket.clone(), message.key.clone());
        let kept = self.kept().get(&place).filter(|(read, _)| read.elapsed() < KEPT).map(|(_, kept)| kept.clone());
        let decoded = match kept {
            None => return Answer::NotYet,
            Some(Ok(descriptors)) => decoded(&descriptors, message).map_err(|error| error.to_string()),
            Some(Err(why)) => Err(why.to_string()),
        };
        match decoded {
            Ok(json) => Answer::Json(json),
            Err(error) => {
                tracing::debug!(bucket = message.bucket, key = message.key, error, "a message could not be decoded");
                Answer::Nothing
            }
        }
    }

    /// The same; the description is read first.
    pub(crate) async fn ask(&self, places: &Places, message: &ProtobufMessage) -> Result<String, SchemaError> {
        let read = read(places, message).await.map(Arc::new);
        let place = (message.bucket.clone(), message.key.clone());
        let keep = match &read {
            Ok(descriptors) => Some(Ok(descriptors.clone())),
            Err(error) if error.is_lasting() => Some(Err(sekisho_types::with_causes(error).into())),
            Err(_) => None,
        };
        if let Some(keep) = keep {
            let mut kept = self.kept();
            kept.retain(|_, (read, _)| read.elapsed() < KEPT);
            if kept.len() >= KEPT_MAX {
                // What is none goes first: a message may name many of those.
                let first = kept.iter().min_by_key(|(_, (read, kept))| (kept.is_ok(), *read));
                first.map(|(place, _)| place.clone()).iter().for_each(|place| drop(kept.remove(place)));
            }
            kept.insert(place, (Instant::now(), keep));
        }
        let descriptors = read?;
        Ok(decoded(&descriptors, message)?)
    }
}

fn decoded(descriptors: &Descriptors, message: &ProtobufMessage) -> Result<String, ProtobufError> {
    descriptors.json(&message.file, &message.message_type, &message.data)
}

async fn read(places: &Places, message: &ProtobufMessage) -> Result<Descriptors, SchemaError> {
    let ProtobufMessage { bucket, key, .. } = message;
    let (Ok(name), Ok(object)) = (BucketName::parse(bucket), ObjectKey::parse(key)) else {
        return Err(SchemaError::Place(bucket.clone(), key.clone()));
    };
    let most = DESCRIPTORS_BYTES_MAX as u64 + 1; // so that one too long is seen to be
    let bytes = match places.remote.objects(&name) {
        Some(elsewhere) => {
            let read = elsewhere.get(key, 0..most).await;
            let elsewhere = |error| SchemaError::Elsewhere { bucket: bucket.clone(), key: key.clone(), error };
            read.map_err(elsewhere)?.bytes.to_vec()
        }
        None => {
            let here = |error| SchemaError::Here { bucket: bucket.clone(), key: key.clone(), error };
            let (_, reader) = places.objects.get(&name, &object, None, None).await.map_err(here)?;
            let mut reader = reader.range(0, most);
            let mut bytes = Vec::new();
            while let Some(piece) = reader.next().await.map_err(here)? {
                bytes.extend_from_slice(&piece);
            }
            bytes
        }
    };
    Ok(Descriptors::read(&bytes)?)
}
