//! GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext: a new key pair, its private key sealed under a symmetric key.
use bytes::Bytes;
use sekisho_kms::{EncryptionContext, KeySpec, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{key_pair, refuse_recipient, unless_dry_run, word};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
    key_pair_spec: String,
    #[serde(default)]
    encryption_context: EncryptionContext,
    recipient: Option<Value>,
    #[serde(default)]
    dry_run: bool,
}

pub(super) async fn run(app: &App, input: Input, with_plaintext: bool) -> Result<Value, ApiError> {
    refuse_recipient(input.recipient.as_ref())?;
    let spec = word(KeySpec::parse, "KeyPairSpec", &input.key_pair_spec)?;
    // Asked before the pair is made too: whoever may not have one does not make us work.
    app.state.read().kms.use_key(Operation::GenerateDataKeyPair, &input.key_id)?;
    let private_key = key_pair::generate(spec).await?;
    let (root_key, mut random) = (app.state.root_key(), app.state.random());
    let (context, pair) = (&input.encryption_context, (spec, &private_key));
    let made = app.state.read().kms.seal_data_key_pair(root_key, &input.key_id, context, pair, &mut random)?;
    let mut answer = json!({
        "PrivateKeyCiphertextBlob": Blob(made.private_key_ciphertext_blob.into()),
        "PublicKey": Blob(made.public_key.into()),
        "KeyId": made.key_arn,
        "KeyPairSpec": spec,
        "KeyMaterialId": made.key_material_id,
    });
    if with_plaintext {
        answer["PrivateKeyPlaintext"] = json!(Blob(Bytes::copy_from_slice(private_key.expose())));
    }
    unless_dry_run(input.dry_run, answer)
}
