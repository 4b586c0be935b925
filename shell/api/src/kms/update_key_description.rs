//! UpdateKeyDescription
use serde::Deserialize;
use serde_json::Value;

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
    description: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit(app, |cores| cores.kms.update_description(&input.key_id, input.description)).await?;
    Ok(Value::Null)
}
