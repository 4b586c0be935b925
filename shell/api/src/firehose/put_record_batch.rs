//! PutRecordBatch: each record is taken or refused by itself; answers when those taken are on the disk.
use sekisho_journal::Sequence;
use sekisho_workers::PutError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::put_record::Record;
use crate::{ApiError, App};

/// Firehose's limit of a batch, before base64.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
    records: Vec<Record>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let bytes: usize = input.records.iter().map(|record| record.data.0.len()).sum();
    if bytes > BATCH_BYTES_MAX {
        let message = "Records size exceeds 4 MB limit";
        return Err(ApiError::new(400, "InvalidArgumentException", message));
    }
    let mut last = Sequence(0);
    let mut failed = 0;
    let mut responses = Vec::with_capacity(input.records.len());
    for record in &input.records {
        match app.streams.put(&name, &[&record.data.0], None) {
            Ok(sequence) => {
                last = last.max(sequence);
                responses.push(json!({ "RecordId": super::record_id(&name, sequence) }));
            }
            Err(PutError::Unavailable) => {
                failed += 1;
                responses.push(json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." }));
            }
            // What is true of the stream is true of every record of the batch.
            Err(error) => return Err(super::put_error(app, error)),
        }
    }
    app.state.journal().wait_durable(last).await.map_err(ApiError::internal)?;
    let encrypted = super::encryption::enabled(app, &name);
    Ok(json!({ "FailedPutCount": failed, "Encrypted": encrypted, "RequestResponses": responses }))
}
