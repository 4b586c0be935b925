//! CreateDeliveryStream
use std::collections::BTreeMap;

use sekisho_delivery::{BufferKey, Delivery, DeliveryError, Given, StreamEncryption, TopicSource};
use serde::Deserialize;
use serde_json::{Value, json};

use super::encryption::Configuration;
use super::tags::Tag;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
    delivery_stream_type: Option<String>,
    extended_s3_destination_configuration: Option<Value>,
    s3_destination_configuration: Option<Value>,
    http_endpoint_destination_configuration: Option<Value>,
    delivery_stream_encryption_configuration_input: Option<Configuration>,
    direct_put_source_configuration: Option<DirectPutSource>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(flatten)]
    other: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct DirectPutSource {
    #[serde(rename = "ThroughputHintInMBs")]
    throughput_hint_in_mbs: u32,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let kind = input.delivery_stream_type.as_deref();
    let source = TopicSource::read(app.state.tenant(), kind, input.other.get("KinesisStreamSourceConfiguration"))?;
    let others = |name: &&String| name.ends_with("SourceConfiguration") && *name != "KinesisStreamSourceConfiguration";
    if let Some(other) = input.other.keys().find(others) {
        let message = format!("{other} does not go with the stream's DeliveryStreamType");
        return Err(DeliveryError::InvalidArgument(message).into());
    }
    let hint = input.direct_put_source_configuration.map(|source| source.throughput_hint_in_mbs);
    if source.is_some() && hint.is_some() {
        let message = "DirectPutSourceConfiguration goes with DeliveryStreamType DirectPut only";
        return Err(DeliveryError::InvalidArgument(message.into()).into());
    }
    let destination = |name: &&String| name.ends_with("DestinationConfiguration");
    let others: Vec<&String> = input.other.keys().filter(destination).collect();
    let given = [
        input.extended_s3_destination_configuration.as_ref().map(Given::S3),
        input.s3_destination_configuration.as_ref().map(Given::S3),
        input.http_endpoint_destination_configuration.as_ref().map(Given::HttpEndpoint),
    ];
    let mut given = given.into_iter().flatten();
    let (first, second) = (given.next(), given.next());
    let destination = match (first, second, others.first()) {
        (Some(destination), None, None) => destination,
        (None, None, Some(other)) => return Err(DeliveryError::NotOffered((*other).clone()).into()),
        _ => {
            let message = "Exactly one destination configuration is supported for a Firehose";
            return Err(DeliveryError::InvalidArgument(message.into()).into());
        }
    };
    let encryption = match input.delivery_stream_encryption_configuration_input {
        Some(configuration) => StreamEncryption::Enabled { key: vouched(app, configuration.check()?)? },
        None => StreamEncryption::Disabled,
    };
    let name = super::stream_name(&input.delivery_stream_name)?;
    let tags: BTreeMap<String, String> = input.tags.into_iter().map(Tag::into_pair).collect();
    let now = app.state.now();
    let arn = app
        .state
        .commit(|cores| {
            let made = cores.delivery.create_delivery_stream(now, name, destination, encryption, tags);
            made.map(|(events, arn)| {
                let events = match source {
                    Some(source) => source.of(events),
                    None => events,
                };
                let events = Delivery::with_throughput_hint(events, hint);
                (events.into_iter().map(Into::into).collect(), arn)
            })
        })
        .await?;
    Ok(json!({ "DeliveryStreamARN": arn }))
}

/// The key by its own ARN. A stream whose key cannot be used is not made, so that no record of it is ever without.
fn vouched(app: &App, key: BufferKey) -> Result<BufferKey, ApiError> {
    let BufferKey::Customer { key_arn } = &key else { return Ok(key) };
    let cores = app.state.read();
    let found = cores.kms.customer_key(key_arn).map_err(|error| super::encryption::kms_refusal(&error))?;
    Ok(BufferKey::Customer { key_arn: found.arn(app.state.tenant()) })
}
