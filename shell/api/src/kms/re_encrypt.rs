//! ReEncrypt: the plaintext never leaves.
use sekisho_kms::EncryptionContext;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SYMMETRIC_DEFAULT, check_algorithm, unless_dry_run};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(default)]
    ciphertext_blob: Blob,
    source_key_id: Option<String>,
    #[serde(default)]
    source_encryption_context: EncryptionContext,
    source_encryption_algorithm: Option<String>,
    destination_key_id: String,
    #[serde(default)]
    destination_encryption_context: EncryptionContext,
    destination_encryption_algorithm: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    check_algorithm(input.source_encryption_algorithm.as_deref())?;
    check_algorithm(input.destination_encryption_algorithm.as_deref())?;
    let (cores, root_key, mut random) = (app.state.read(), app.state.root_key(), app.state.random());
    let (context, key) = (&input.source_encryption_context, input.source_key_id.as_deref());
    let opened = cores.kms.decrypt(root_key, &input.ciphertext_blob.0, context, key)?;
    let (context, plaintext) = (&input.destination_encryption_context, opened.plaintext.expose());
    let made = cores.kms.encrypt(root_key, &input.destination_key_id, context, plaintext, &mut random)?;
    let answer = json!({
        "CiphertextBlob": Blob(made.ciphertext_blob.into()),
        "SourceKeyId": opened.key_arn,
        "KeyId": made.key_arn,
        "SourceEncryptionAlgorithm": SYMMETRIC_DEFAULT,
        "DestinationEncryptionAlgorithm": SYMMETRIC_DEFAULT,
        "SourceKeyMaterialId": opened.key_material_id,
        "DestinationKeyMaterialId": made.key_material_id,
    });
    unless_dry_run(input.dry_run, answer)
}
