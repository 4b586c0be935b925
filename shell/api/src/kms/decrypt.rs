//! Decrypt
use bytes::Bytes;
use sekisho_kms::EncryptionContext;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{SYMMETRIC_DEFAULT, check_algorithm, refuse_recipient, unless_dry_run};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(default)]
    ciphertext_blob: Blob,
    key_id: Option<String>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    encryption_algorithm: Option<String>,
    recipient: Option<Value>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    check_algorithm(input.encryption_algorithm.as_deref())?;
    refuse_recipient(input.recipient.as_ref())?;
    let (cores, root_key) = (app.state.read(), app.state.root_key());
    let (context, key) = (&input.encryption_context, input.key_id.as_deref());
    let opened = cores.kms.decrypt(root_key, &input.ciphertext_blob.0, context, key)?;
    let plaintext = Blob(Bytes::copy_from_slice(opened.plaintext.expose()));
    let answer = json!({
        "KeyId": opened.key_arn,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": SYMMETRIC_DEFAULT,
        "KeyMaterialId": opened.key_material_id,
    });
    unless_dry_run(input.dry_run, answer)
}
