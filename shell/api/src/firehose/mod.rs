//! Data Firehose: a file an operation, over the delivery streams' fold and the live streams.
mod create_delivery_stream;
mod delete_delivery_stream;
mod describe_delivery_stream;
mod encryption;
mod list_delivery_streams;
mod list_tags_for_delivery_stream;
mod put_record;
mod put_record_batch;
mod tags;
mod update_destination;

use sekisho_delivery::DeliveryError;
use sekisho_types::DeliveryStreamName;
use sekisho_workers::PutError;
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
        "PutRecord" => put_record::run(app, parse(input)?).await,
        "PutRecordBatch" => put_record_batch::run(app, parse(input)?).await,
        "StartDeliveryStreamEncryption" => encryption::start(app, parse(input)?).await,
        "StopDeliveryStreamEncryption" => encryption::stop(app, parse(input)?).await,
        "TagDeliveryStream" => tags::tag(app, parse(input)?).await,
        "UntagDeliveryStream" => tags::untag(app, parse(input)?).await,
        "UpdateDestination" => update_destination::run(app, parse(input)?).await,
        other => Err(ApiError::not_implemented(other)),
    }
}

fn stream_name(text: &str) -> Result<DeliveryStreamName, ApiError> {
    DeliveryStreamName::parse(text).map_err(|error| ApiError::new(400, "InvalidArgumentException", error.to_string()))
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        let code = match &error {
            DeliveryError::InvalidArgument(_) | DeliveryError::NotOffered(_) => "InvalidArgumentException",
            DeliveryError::NotFound { .. } => "ResourceNotFoundException",
            DeliveryError::InUse { .. } => "ResourceInUseException",
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
        PutError::TooLarge => ApiError::new(400, "InvalidArgumentException", error.to_string()),
        PutError::Unavailable => ApiError::new(503, "ServiceUnavailableException", "Slow down."),
        PutError::Journal(cause) => ApiError::internal(cause),
    }
}

/// Opaque: where in the journal the record is, and which stream's.
fn record_id(name: &DeliveryStreamName, sequence: sekisho_journal::Sequence, index: usize) -> String {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::Engine;
    let input = format!("{name}\n{}\n{index}", sequence.0);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest(&SHA256, input.as_bytes()))
}
