//! PutRecordBatch: answers when the records are on the disk.
use sekisho_workers::PutError;
use serde::{Deserialize, Serialize};

use super::record_id::{RecordId, RecordIds};
use super::records::Records;
use crate::{ApiError, App};

/// Firehose's limit of a batch, before base64.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    pub delivery_stream_name: String,
    pub records: Records,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    failed_put_count: usize,
    encrypted: bool,
    request_responses: Vec<Response>,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "PascalCase")]
enum Response {
    Taken { record_id: RecordId },
    Refused { error_code: &'static str, error_message: &'static str },
}

pub(super) async fn run(app: &App, input: Input) -> Result<Output, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    if input.records.bytes() > BATCH_BYTES_MAX {
        let message = "Records size exceeds 4 MB limit";
        return Err(ApiError::new(400, "InvalidArgumentException", message));
    }
    let records: Vec<&[u8]> = input.records.iter().collect();
    let (failed_put_count, encrypted, request_responses) = match app.streams.put_batch(&name, &records, None) {
        Ok(taken) => {
            app.state.journal().wait_durable(taken.sequence).await.map_err(ApiError::internal)?;
            let ids = RecordIds::new(&name, taken.sequence);
            let responses = (0..).zip(&records).map(|(place, _)| Response::Taken { record_id: ids.at(place) });
            (0, taken.encrypted, responses.collect())
        }
        Err(PutError::Unavailable) => {
            // One request is one entry of the journal: either every record of it finds room, or none.
            let refused =
                |_| Response::Refused { error_code: "ServiceUnavailableException", error_message: "Slow down." };
            (records.len(), false, records.iter().map(refused).collect())
        }
        // What is true of the stream is true of every record of the batch.
        Err(error) => return Err(super::put_error(app, error)),
    };
    Ok(Output { failed_put_count, encrypted, request_responses })
}
