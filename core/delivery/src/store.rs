//! The fold: every delivery stream of the account.
use std::collections::{BTreeMap, HashMap};

use sekisho_types::{DeliveryStreamName, Tenant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::data_key::DataKeys;
use crate::stream::DESTINATION_ID;
use crate::{DeliveryError, DeliveryStream, Destination, Given, StreamEncryption, StreamId, WrappedDataKey};

/// Firehose's quota of streams of an account and region.
const STREAMS_MAX: usize = 5000;
/// Firehose's limit of tags of a stream.
const TAGS_MAX: usize = 50;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A stream is as it says from now on.
    StreamPut {
        /// All of it.
        stream: Box<DeliveryStream>,
    },
    /// A stream is gone, and what it still held.
    StreamDeleted {
        /// Which.
        name: DeliveryStreamName,
    },
    /// Ids below this one have been used (a snapshot's, for streams that are gone).
    StreamIdsUsed {
        /// The next one.
        next: StreamId,
    },
    /// A stream's records are sealed under this data key from now on.
    DataKeyMade {
        /// Whose.
        stream: StreamId,
        /// Which.
        key: WrappedDataKey,
    },
    /// No record needs a stream's data keys below this one any more.
    DataKeysDropped {
        /// Whose.
        stream: StreamId,
        /// The first that is kept, or will be made.
        below: u32,
    },
}

/// Every delivery stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    tenant: Tenant,
    streams: BTreeMap<DeliveryStreamName, DeliveryStream>,
    names: HashMap<StreamId, DeliveryStreamName>,
    next: StreamId,
    data_keys: BTreeMap<StreamId, DataKeys>,
}

type Outcome = Result<Vec<Event>, DeliveryError>;

impl Delivery {
    /// None yet.
    pub fn new(tenant: Tenant) -> Self {
        let (streams, names, data_keys) = (BTreeMap::new(), HashMap::new(), BTreeMap::new());
        Self { tenant, streams, names, next: StreamId(1), data_keys }
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::StreamPut { stream } => {
                self.next = self.next.max(StreamId(stream.id.0 + 1));
                self.names.insert(stream.id, stream.name.clone());
                self.streams.insert(stream.name.clone(), (**stream).clone());
            }
            Event::StreamDeleted { name } => {
                if let Some(stream) = self.streams.remove(name) {
                    self.names.remove(&stream.id);
                    self.data_keys.remove(&stream.id);
                }
            }
            Event::StreamIdsUsed { next } => self.next = self.next.max(*next),
            Event::DataKeyMade { stream, key } => {
                let keys = self.data_keys.entry(*stream).or_default();
                keys.next = keys.next.max(key.number + 1);
                keys.wrapped.insert(key.number, key.clone());
            }
            Event::DataKeysDropped { stream, below } => {
                let keys = self.data_keys.entry(*stream).or_default();
                keys.next = keys.next.max(*below);
                keys.wrapped.retain(|number, _| number >= below);
            }
        }
    }

    /// The shortest list of events that folds to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let used = Event::StreamIdsUsed { next: self.next };
        let streams = self.streams.values().map(|stream| Event::StreamPut { stream: Box::new(stream.clone()) });
        let data_keys = self.data_keys.iter().flat_map(|(stream, keys)| {
            let (stream, below) = (*stream, keys.wrapped.keys().next().copied().unwrap_or(keys.next));
            let kept = keys.wrapped.values().map(move |key| Event::DataKeyMade { stream, key: key.clone() });
            std::iter::once(Event::DataKeysDropped { stream, below }).chain(kept)
        });
        std::iter::once(used).chain(streams).chain(data_keys).collect()
    }

    /// The data keys of a stream that a record may still need, by number, ascending.
    pub fn data_keys(&self, id: StreamId) -> impl Iterator<Item = &WrappedDataKey> {
        self.data_keys.get(&id).into_iter().flat_map(|keys| keys.wrapped.values())
    }

    /// One of a stream's data keys.
    pub fn data_key(&self, id: StreamId, number: u32) -> Option<&WrappedDataKey> {
        self.data_keys.get(&id)?.wrapped.get(&number)
    }

    /// What the next data key of a stream is called.
    pub fn next_data_key(&self, id: StreamId) -> u32 {
        self.data_keys.get(&id).map_or(0, |keys| keys.next)
    }

    /// Every stream, by name, ascending.
    pub fn streams(&self) -> impl Iterator<Item = &DeliveryStream> {
        self.streams.values()
    }

    /// A stream.
    ///
    /// # Errors
    /// [`DeliveryError::NotFound`].
    pub fn stream(&self, name: &DeliveryStreamName) -> Result<&DeliveryStream, DeliveryError> {
        let account = || self.tenant.account.to_string();
        self.streams.get(name).ok_or_else(|| DeliveryError::NotFound { name: name.clone(), account: account() })
    }

    /// A stream by what its records carry.
    pub fn stream_by_id(&self, id: StreamId) -> Option<&DeliveryStream> {
        self.streams.get(self.names.get(&id)?)
    }

    /// CreateDeliveryStream. Answers the ARN.
    ///
    /// # Errors
    /// [`DeliveryError::InUse`], [`DeliveryError::LimitExceeded`], [`DeliveryError::InvalidArgument`],
    /// [`DeliveryError::NotOffered`].
    pub fn create_delivery_stream(
        &self,
        now: Timestamp,
        name: DeliveryStreamName,
        destination: Given<'_>,
        encryption: StreamEncryption,
        tags: BTreeMap<String, String>,
    ) -> Result<(Vec<Event>, String), DeliveryError> {
        if self.streams.contains_key(&name) {
            return Err(DeliveryError::InUse { name, account: self.tenant.account.to_string() });
        }
        if self.streams.len() >= STREAMS_MAX {
            return Err(DeliveryError::LimitExceeded(format!("an account has at most {STREAMS_MAX} delivery streams")));
        }
        check_tags(&tags)?;
        encryption.key().map_or(Ok(()), |key| self.check_streams_of_key(&name, key))?;
        let stream = DeliveryStream {
            id: self.next,
            name,
            version: 1,
            created_at: now,
            updated_at: None,
            source: None,
            destination: Destination::read(destination, None)?,
            throughput_hint_in_mbs: None,
            encryption,
            encryption_calls: Vec::new(),
            tags,
        };
        let arn = stream.arn(&self.tenant);
        Ok((vec![Event::StreamPut { stream: Box::new(stream) }], arn))
    }

    /// The same with `DirectPutSourceConfiguration.ThroughputHintInMBs`.
    pub fn with_throughput_hint(mut events: Vec<Event>, hint: Option<u32>) -> Vec<Event> {
        for event in &mut events {
            if let Event::StreamPut { stream } = event {
                stream.throughput_hint_in_mbs = hint;
            }
        }
        events
    }

    /// UpdateDestination.
    ///
    /// # Errors
    /// [`DeliveryError::NotFound`], [`DeliveryError::ConcurrentModification`], [`DeliveryError::InvalidArgument`],
    /// [`DeliveryError::NotOffered`].
    pub fn update_destination(
        &self,
        now: Timestamp,
        name: &DeliveryStreamName,
        current_version: &str,
        destination_id: &str,
        update: Given<'_>,
    ) -> Outcome {
        let stream = self.stream(name)?;
        if current_version != stream.version.to_string() {
            let (name, current, given) = (name.clone(), stream.version, current_version.to_owned());
            return Err(DeliveryError::ConcurrentModification { name, current, given });
        }
        if destination_id != DESTINATION_ID {
            return Err(DeliveryError::InvalidArgument(format!("Destination Id {destination_id} not found")));
        }
        let destination = Destination::read(update, Some(&stream.destination))?;
        let version = stream.version + 1;
        Ok(put(DeliveryStream { version, updated_at: Some(now), destination, ..stream.clone() }))
    }

    /// DeleteDeliveryStream.
    ///
    /// # Errors
    /// [`DeliveryError::NotFound`].
    pub fn delete_delivery_stream(&self, name: &DeliveryStreamName) -> Outcome {
        self.stream(name)?;
        Ok(vec![Event::StreamDeleted { name: name.clone() }])
    }

    /// TagDeliveryStream.
    ///
    /// # Errors
    /// [`DeliveryError::NotFound`], [`DeliveryError::LimitExceeded`].
    pub fn tag(&self, name: &DeliveryStreamName, tags: BTreeMap<String, String>) -> Outcome {
        let stream = self.stream(name)?;
        let mut all = stream.tags.clone();
        all.extend(tags);
        check_tags(&all)?;
        Ok(put(DeliveryStream { tags: all, ..stream.clone() }))
    }

    /// UntagDeliveryStream.
    ///
    /// # Errors
    /// [`DeliveryError::NotFound`].
    pub fn untag(&self, name: &DeliveryStreamName, keys: &[String]) -> Outcome {
        let stream = self.stream(name)?;
        let mut tags = stream.tags.clone();
        keys.iter().for_each(|key| drop(tags.remove(key)));
        Ok(put(DeliveryStream { tags, ..stream.clone() }))
    }
}

pub(crate) fn put(stream: DeliveryStream) -> Vec<Event> {
    vec![Event::StreamPut { stream: Box::new(stream) }]
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), DeliveryError> {
    match tags.len() > TAGS_MAX {
        true => Err(DeliveryError::LimitExceeded(format!("a delivery stream has at most {TAGS_MAX} tags"))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::{AccountId, Region};
    use serde_json::json;

    use super::*;

    fn name() -> DeliveryStreamName {
        DeliveryStreamName::parse("telemetry").unwrap()
    }

    fn empty() -> Delivery {
        Delivery::new(Tenant {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        })
    }

    fn with_stream() -> Delivery {
        let mut delivery = empty();
        let given = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake"});
        let (events, arn) = delivery
            .create_delivery_stream(
                Timestamp::from_seconds(5),
                name(),
                Given::S3(&given),
                StreamEncryption::Disabled,
                BTreeMap::new(),
            )
            .unwrap();
        assert_eq!(arn, "arn:aws:firehose:us-east-1:000000000000:deliverystream/telemetry");
        events.iter().for_each(|event| delivery.apply(event));
        delivery
    }

    #[test]
    fn described_with_aws_defaults() {
        let delivery = with_stream();
        let description = delivery.stream(&name()).unwrap().describe(&delivery.tenant, None);
        let destination = &description["Destinations"][0];
        assert_eq!(destination["DestinationId"], "destinationId-000000000001");
        let extended = &destination["ExtendedS3DestinationDescription"];
        assert_eq!(extended["BufferingHints"], json!({"SizeInMBs": 5, "IntervalInSeconds": 300}));
        assert_eq!(extended["CompressionFormat"], "UNCOMPRESSED");
        assert_eq!(extended["EncryptionConfiguration"], json!({"NoEncryptionConfig": "NoEncryption"}));
        assert_eq!(extended["CloudWatchLoggingOptions"], json!({"Enabled": false}));
        assert_eq!(extended["S3BackupMode"], "Disabled");
        assert_eq!(extended["DataFormatConversionConfiguration"], json!({"Enabled": false}));
        assert!(destination["S3DestinationDescription"].get("S3BackupMode").is_none());
        assert_eq!((&description["VersionId"], &description["DeliveryStreamStatus"]), (&json!("1"), &json!("ACTIVE")));
    }

    #[test]
    fn an_update_needs_the_version_and_merges() {
        let mut delivery = with_stream();
        let update = json!({"Prefix": "p/", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}});
        let now = Timestamp::from_seconds(9);
        let stale = delivery.update_destination(now, &name(), "2", DESTINATION_ID, Given::S3(&update));
        assert!(matches!(stale, Err(DeliveryError::ConcurrentModification { current: 1, .. })));
        let events = delivery.update_destination(now, &name(), "1", DESTINATION_ID, Given::S3(&update)).unwrap();
        events.iter().for_each(|event| delivery.apply(event));
        let stream = delivery.stream(&name()).unwrap();
        assert_eq!((stream.version, stream.destination.prefix.as_deref()), (2, Some("p/")));
        assert_eq!(stream.destination.bucket.as_str(), "lake");
    }

    #[test]
    fn hints_are_given_together() {
        let alone = json!({"RoleARN": "r", "BucketARN": "arn:aws:s3:::lake", "BufferingHints": {"SizeInMBs": 1}});
        assert!(Destination::parse(&alone, None).unwrap_err().to_string().contains("both"));
    }

    #[test]
    fn a_snapshot_folds_to_the_same_and_ids_are_never_used_again() {
        let mut delivery = with_stream();
        let deleted = delivery.delete_delivery_stream(&name()).unwrap();
        deleted.iter().for_each(|event| delivery.apply(event));
        let mut again = empty();
        for event in delivery.snapshot() {
            again.apply(&serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
        }
        assert_eq!(again, delivery);
        assert_eq!(again.next, StreamId(2));
    }
}
