//! ReEncrypt: the plaintext never leaves.
use sekisho_kms::{EncryptionContext, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::decrypt::open;
use super::{encryption_algorithm, unless_dry_run};
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
    let from = encryption_algorithm(input.source_encryption_algorithm.as_deref())?;
    let to = encryption_algorithm(input.destination_encryption_algorithm.as_deref())?;
    let (root_key, mut random) = (app.state.root_key(), app.state.random());
    let (context, key) = (&input.source_encryption_context, input.source_key_id.as_deref());
    let opened = open(app, Operation::ReEncryptFrom, from, context, key, &input.ciphertext_blob.0)?;
    let key = app.state.read().kms.use_key(Operation::ReEncryptTo, &input.destination_key_id)?;
    let (context, plaintext) = (&input.destination_encryption_context, opened.plaintext.expose());
    let made = key.encrypt(root_key, to, context, plaintext, &mut random)?;
    let mut answer = json!({
        "CiphertextBlob": Blob(made.ciphertext_blob.into()),
        "SourceKeyId": opened.key_arn,
        "KeyId": made.key_arn,
        "SourceEncryptionAlgorithm": opened.algorithm,
        "DestinationEncryptionAlgorithm": made.algorithm,
    });
    let materials =
        [("SourceKeyMaterialId", opened.key_material_id), ("DestinationKeyMaterialId", made.key_material_id)];
    for (name, id) in materials {
        if let Some(id) = id {
            answer[name] = id.into();
        }
    }
    unless_dry_run(input.dry_run, answer)
}
