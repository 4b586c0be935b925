//! GenerateDataKey, GenerateDataKeyWithoutPlaintext
use bytes::Bytes;
use sekisho_kms::{EncryptionContext, KmsError, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{refuse_recipient, unless_dry_run};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    #[serde(default)]
    encryption_context: EncryptionContext,
    recipient: Option<Value>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) fn run(app: &App, input: Input, with_plaintext: bool) -> Result<Value, ApiError> {
    refuse_recipient(input.recipient.as_ref())?;
    let bytes = match (input.key_spec.as_deref(), input.number_of_bytes) {
        (Some("AES_256"), None) => 32,
        (Some("AES_128"), None) => 16,
        (None, Some(bytes)) => bytes,
        _ => {
            let message = "Please specify either number of bytes or key spec.";
            return Err(KmsError::Validation(message.into()).into());
        }
    };
    let (cores, root_key, mut random) = (app.state.read(), app.state.root_key(), app.state.random());
    let operation = match with_plaintext {
        true => Operation::GenerateDataKey,
        false => Operation::GenerateDataKeyWithoutPlaintext,
    };
    let of = (input.key_id.as_str(), &input.encryption_context);
    let made = cores.kms.generate_data_key_for(operation, root_key, of, bytes, &mut random)?;
    let mut answer = json!({
        "CiphertextBlob": Blob(made.ciphertext_blob.into()),
        "KeyId": made.key_arn,
        "KeyMaterialId": made.key_material_id,
    });
    if with_plaintext {
        answer["Plaintext"] = json!(Blob(Bytes::copy_from_slice(made.plaintext.expose())));
    }
    unless_dry_run(input.dry_run, answer)
}
