//! A delivery stream.
use std::collections::BTreeMap;

use sekisho_types::{DeliveryStreamName, Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Destination, StreamEncryption, StreamId, TopicSource};

/// The only destination a stream has.
pub(crate) const DESTINATION_ID: &str = "destinationId-000000000001";

/// A delivery stream as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryStream {
    /// What its records carry. Never used again, so that a record cannot come into another stream of the same name.
    pub id: StreamId,
    /// Its name.
    pub name: DeliveryStreamName,
    /// `VersionId`: 1, and one more with each change of the destination.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its destination was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The topics its records come from; none for a stream that records are put into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<TopicSource>,
    /// `DirectPutSourceConfiguration.ThroughputHintInMBs`. Kept and told; nothing here is sized by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throughput_hint_in_mbs: Option<u32>,
    /// Where its objects go.
    pub destination: Destination,
    /// What StartDeliveryStreamEncryption said.
    #[serde(default)]
    pub encryption: StreamEncryption,
    /// When Start and Stop were called in the last 24 hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub encryption_calls: Vec<Timestamp>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl DeliveryStream {
    /// `arn:aws:firehose:<region>:<account>:deliverystream/<name>`
    pub fn arn(&self, tenant: &Tenant) -> String {
        tenant.arn("firehose", format_args!("deliverystream/{}", self.name))
    }

    /// `DeliveryStreamType`
    pub fn kind(&self) -> &'static str {
        if self.source.is_some() { "KinesisStreamAsSource" } else { "DirectPut" }
    }

    /// `DeliveryStreamDescription`
    ///
    /// Destinations come behind `after`, of which there is one.
    pub fn describe(&self, tenant: &Tenant, after: Option<&str>) -> Value {
        let mut description = json!({
            "DeliveryStreamName": self.name,
            "DeliveryStreamARN": self.arn(tenant),
            "DeliveryStreamStatus": "ACTIVE",
            "DeliveryStreamEncryptionConfiguration": self.encryption.describe(),
            "DeliveryStreamType": self.kind(),
            "VersionId": self.version.to_string(),
            "CreateTimestamp": self.created_at.epoch_seconds(),
            "Destinations": [self.describe_destination(tenant)],
            "HasMoreDestinations": false,
        });
        if after.is_some_and(|after| after >= DESTINATION_ID) {
            description["Destinations"] = json!([]);
        }
        if let Some(hint) = self.throughput_hint_in_mbs {
            description["Source"] = json!({"DirectPutSourceDescription": {"ThroughputHintInMBs": hint}});
        }
        if let Some(source) = &self.source {
            description["Source"] = source.describe(tenant, self.created_at);
        }
        if let Some(at) = self.updated_at {
            description["LastUpdateTimestamp"] = json!(at.epoch_seconds());
        }
        description
    }

    fn describe_destination(&self, tenant: &Tenant) -> Value {
        match &self.destination.http_endpoint {
            Some(endpoint) => json!({
                "DestinationId": DESTINATION_ID,
                "HttpEndpointDestinationDescription": self.destination.describe_http_endpoint(endpoint),
            }),
            None => json!({
                "DestinationId": DESTINATION_ID,
                "S3DestinationDescription": self.destination.describe_legacy(),
                "ExtendedS3DestinationDescription": self.destination.describe(tenant),
            }),
        }
    }
}
