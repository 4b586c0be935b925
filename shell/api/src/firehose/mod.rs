//! Data Firehose: a file an operation, over the delivery streams' fold and the live streams.
mod create_delivery_stream;
mod delete_delivery_stream;
mod describe_delivery_stream;
mod encryption;
mod list_delivery_streams;
mod list_tags_for_delivery_stream;
mod put_record;
mod put_record_batch;
mod record_id;
mod records;
mod tags;
mod update_destination;

use sekisho_delivery::DeliveryError;
use sekisho_types::DeliveryStreamName;
use sekisho_workers::PutError;
use serde::Serialize;
use serde_json::Value;

use crate::{ApiError, App, parse};

/// Answers an operation.
pub(crate) async fn handle(app: &App, operation: &str, input: Value) -> Result<Value, ApiError> {
    match operation {
        "CreateDeliveryStream" => create_delivery_stream::run(app, parse(input)?).await,
        "DeleteDeliveryStream" => delete_delivery_stream::run(app, parse(input)?).await,
        "DescribeDeliveryStream" => describe_delivery_stream::run(app, parse(input)?),
        "ListDeliveryStreams" => list_delivery_streams::run(app, parse(input)?),
        "ListTagsForDeliveryStream" => list_tags_for_delivery_stream::run(app, parse(input)?),
        "PutRecord" => to_value(&put_record::run(app, parse(input)?).await?),
        "PutRecordBatch" => to_value(&put_record_batch::run(app, parse(input)?).await?),
        "StartDeliveryStreamEncryption" => encryption::start(app, parse(input)?).await,
        "StopDeliveryStreamEncryption" => encryption::stop(app, parse(input)?).await,
        "TagDeliveryStream" => tags::tag(app, parse(input)?).await,
        "UntagDeliveryStream" => tags::untag(app, parse(input)?).await,
        "UpdateDestination" => update_destination::run(app, parse(input)?).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

/// Answers what producers send all day, read from the body and written into the answer without a JSON value in between:
/// PutRecord and PutRecordBatch that nothing is wrong with. `None` for everything else, which goes the way that knows how
/// to refuse. Tells the `stream`.
pub(crate) async fn handle_plain(
    app: &App,
    operation: &str,
    body: &[u8],
    stream: &mut String,
) -> Option<Result<Vec<u8>, ApiError>> {
    // A structure may stand as a list where serde reads it; on the wire it may not.
    let text = std::str::from_utf8(body).ok().filter(|text| text.starts_with('{'))?;
    let is_plain = |name: &str, records: &records::Records| stream_name(name).is_ok() && records.are_within_bounds();
    match operation {
        "PutRecord" => {
            let input: put_record::Input = serde_json::from_str(text).ok()?;
            is_plain(&input.delivery_stream_name, &input.records).then_some(())?;
            stream.clone_from(&input.delivery_stream_name);
            Some(put_record::run(app, input).await.and_then(|output| to_vec(&output)))
        }
        "PutRecordBatch" => {
            let input: put_record_batch::Input = serde_json::from_str(text).ok()?;
            is_plain(&input.delivery_stream_name, &input.records).then_some(())?;
            stream.clone_from(&input.delivery_stream_name);
            Some(put_record_batch::run(app, input).await.and_then(|output| to_vec(&output)))
        }
        _ => None,
    }
}

fn to_value(output: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(output).map_err(ApiError::internal)
}

fn to_vec(output: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(output).map_err(ApiError::internal)
}

fn stream_name(text: &str) -> Result<DeliveryStreamName, ApiError> {
    DeliveryStreamName::parse(text).map_err(|error| ApiError::new(400, "InvalidArgumentException", error.to_string()))
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        let code = match &error {
            DeliveryError::InvalidArgument(_) | DeliveryError::NotOffered(_) => "InvalidArgumentException",
            DeliveryError::NotFound { .. } => "ResourceNotFoundException",
            DeliveryError::InUse { .. } | DeliveryError::NotActive { .. } => "ResourceInUseException",
            DeliveryError::LimitExceeded(_) => "LimitExceededException",
            DeliveryError::ConcurrentModification { .. } => "ConcurrentModificationException",
        };
        Self::new(400, code, error.to_string())
    }
}

fn put_error(app: &App, error: PutError) -> ApiError {
    match error {
        PutError::NotFound(name) => {
            DeliveryError::NotFound { name, account: app.state.tenant().account.to_string() }.into()
        }
        PutError::TooLarge | PutError::Source => ApiError::new(400, "InvalidArgumentException", error.to_string()),
        PutError::Unavailable => ApiError::new(503, "ServiceUnavailableException", "Slow down."),
        PutError::Kms(refusal) => encryption::kms_refusal(&refusal),
        PutError::Journal(cause) => ApiError::internal(cause),
    }
}

#[cfg(test)]
mod tests;
