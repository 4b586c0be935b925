//! Decrypt
use bytes::Bytes;
use sekisho_kms::{Decrypted, EncryptionAlgorithm, EncryptionContext, KmsError, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{encryption_algorithm, refuse_recipient, unless_dry_run};
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
    refuse_recipient(input.recipient.as_ref())?;
    let algorithm = encryption_algorithm(input.encryption_algorithm.as_deref())?;
    let (blob, context) = (&input.ciphertext_blob.0, &input.encryption_context);
    let opened = open(app, Operation::Decrypt, algorithm, context, input.key_id.as_deref(), blob)?;
    let mut answer = json!({
        "KeyId": opened.key_arn,
        "Plaintext": Blob(Bytes::copy_from_slice(opened.plaintext.expose())),
        "EncryptionAlgorithm": opened.algorithm,
    });
    if let Some(id) = opened.key_material_id {
        answer["KeyMaterialId"] = id.into();
    }
    unless_dry_run(input.dry_run, answer)
}

/// Decrypt, and the half of ReEncrypt that does the same. A symmetric key's blob says whose it is; RSA's does not.
pub(super) fn open(
    app: &App,
    operation: Operation,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    key: Option<&str>,
    blob: &[u8],
) -> Result<Decrypted, KmsError> {
    let root_key = app.state.root_key();
    if algorithm == EncryptionAlgorithm::SymmetricDefault {
        return app.state.read().kms.decrypt_for(operation, root_key, blob, context, key);
    }
    let named = || KmsError::Validation(format!("The key must be named for EncryptionAlgorithm {algorithm}."));
    let key = app.state.read().kms.use_key(operation, key.ok_or_else(named)?)?;
    key.decrypt_asymmetric(root_key, algorithm, context, blob)
}
