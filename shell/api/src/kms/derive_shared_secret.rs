//! DeriveSharedSecret
use bytes::Bytes;
use sekisho_kms::Operation;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{refuse_recipient, unless_dry_run};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
    key_agreement_algorithm: String,
    public_key: Blob,
    recipient: Option<Value>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    refuse_recipient(input.recipient.as_ref())?;
    let key = app.state.read().kms.use_key(Operation::DeriveSharedSecret, &input.key_id)?;
    let secret = key.derive_shared_secret(app.state.root_key(), &input.public_key.0)?;
    let answer = json!({
        "KeyId": key.arn(),
        "SharedSecret": Blob(Bytes::copy_from_slice(secret.expose())),
        "KeyAgreementAlgorithm": input.key_agreement_algorithm,
        "KeyOrigin": key.key().origin,
    });
    unless_dry_run(input.dry_run, answer)
}
