//! Encrypt
use sekisho_kms::{EncryptionContext, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{encryption_algorithm, unless_dry_run};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
    plaintext: Blob,
    #[serde(default)]
    encryption_context: EncryptionContext,
    encryption_algorithm: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let algorithm = encryption_algorithm(input.encryption_algorithm.as_deref())?;
    let (root_key, mut random) = (app.state.root_key(), app.state.random());
    let key = app.state.read().kms.use_key(Operation::Encrypt, &input.key_id)?;
    let made = key.encrypt(root_key, algorithm, &input.encryption_context, &input.plaintext.0, &mut random)?;
    let answer = json!({
        "CiphertextBlob": Blob(made.ciphertext_blob.into()),
        "KeyId": made.key_arn,
        "EncryptionAlgorithm": made.algorithm,
    });
    unless_dry_run(input.dry_run, answer)
}
