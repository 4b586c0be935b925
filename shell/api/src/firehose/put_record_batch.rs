//! PutRecordBatch: answers when the records are on the disk.
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
    let records: Vec<&[u8]> = input.records.iter().map(|record| &record.data.0[..]).collect();
    let encrypted = super::encryption::enabled(app, &name);
    let (failed, responses): (usize, Vec<Value>) = match app.streams.put_batch(&name, &records) {
        Ok(sequence) => {
            app.state.journal().wait_durable(sequence).await.map_err(ApiError::internal)?;
            let id = |index| json!({ "RecordId": super::record_id(&name, sequence, index) });
            (0, (0..records.len()).map(id).collect())
        }
        Err(PutError::Unavailable) => {
            let refused = json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down." });
            (records.len(), vec![refused; records.len()])
        }
        // What is true of the stream is true of every record of the batch.
        Err(error) => return Err(super::put_error(app, error)),
    };
    Ok(json!({ "FailedPutCount": failed, "Encrypted": encrypted, "RequestResponses": responses }))
}
