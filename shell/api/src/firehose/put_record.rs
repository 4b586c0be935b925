//! PutRecord: answers when the record is on the disk.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
    record: Record,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Record {
    pub data: Blob,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let sequence =
        app.streams.put(&name, &[&input.record.data.0], None).map_err(|error| super::put_error(app, error))?;
    app.state.journal().wait_durable(sequence).await.map_err(ApiError::internal)?;
    Ok(json!({ "RecordId": super::record_id(&name, sequence, 0), "Encrypted": super::encryption::enabled(app, &name) }))
}
