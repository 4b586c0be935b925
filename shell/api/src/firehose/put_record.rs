//! PutRecord: answers when the record is on the disk.
use serde::{Deserialize, Serialize};

use super::record_id::{RecordId, RecordIds};
use super::records::Records;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    pub delivery_stream_name: String,
    #[serde(rename = "Record", deserialize_with = "Records::one")]
    pub records: Records,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    record_id: RecordId,
    encrypted: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Output, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let records: Vec<&[u8]> = input.records.iter().collect();
    let taken = app.streams.put_batch(&name, &records, None).map_err(|error| super::put_error(app, error))?;
    app.state.journal().wait_durable(taken.sequence).await.map_err(ApiError::internal)?;
    Ok(Output { record_id: RecordIds::new(&name, taken.sequence).at(0), encrypted: taken.encrypted })
}
