//! GetKeyRotationStatus: rotation is not offered yet, so it is off.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = cores.kms.resolve_key(&input.key_id)?;
    Ok(json!({ "KeyId": key.key_id, "KeyRotationEnabled": false }))
}
