//! GetPublicKey
use sekisho_kms::Operation;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let key = app.state.read().kms.use_key(Operation::GetPublicKey, &input.key_id)?;
    let (name, algorithms) = key.key().algorithms();
    Ok(json!({
        "KeyId": key.arn(),
        "PublicKey": Blob(key.public_key()?.into()),
        "CustomerMasterKeySpec": key.key().spec,
        "KeySpec": key.key().spec,
        "KeyUsage": key.key().usage,
        name: algorithms,
    }))
}
