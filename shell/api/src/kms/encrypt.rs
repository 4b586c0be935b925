//! Encrypt
use sekisho_kms::EncryptionContext;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SYMMETRIC_DEFAULT, check_algorithm, unless_dry_run};
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
    check_algorithm(input.encryption_algorithm.as_deref())?;
    let (cores, root_key, mut random) = (app.state.read(), app.state.root_key(), app.state.random());
    let (context, plaintext) = (&input.encryption_context, &input.plaintext.0);
    let made = cores.kms.encrypt(root_key, &input.key_id, context, plaintext, &mut random)?;
    let answer = json!({
        "CiphertextBlob": Blob(made.ciphertext_blob.into()),
        "KeyId": made.key_arn,
        "EncryptionAlgorithm": SYMMETRIC_DEFAULT,
    });
    unless_dry_run(input.dry_run, answer)
}
