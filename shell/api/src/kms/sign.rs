//! Sign, Verify. A signature that is none is an error, never `SignatureValid: false`.
use sekisho_kms::{KmsError, Message, Operation, SigningAlgorithm};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{unless_dry_run, word};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sign {
    key_id: String,
    message: Blob,
    message_type: Option<String>,
    signing_algorithm: String,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Verify {
    signature: Blob,
    #[serde(flatten)]
    signed: Sign,
}

impl Sign {
    fn parts(&self) -> Result<(SigningAlgorithm, Message<'_>), KmsError> {
        let algorithm = word(SigningAlgorithm::parse, "SigningAlgorithm", &self.signing_algorithm)?;
        let message = match self.message_type.as_deref() {
            None | Some("RAW") => Message::Raw(&self.message.0),
            Some("DIGEST") => Message::Digest(&self.message.0),
            Some(other) => return Err(KmsError::NotOffered(format!("MessageType {other}"))),
        };
        Ok((algorithm, message))
    }
}

pub(super) fn sign(app: &App, input: Sign) -> Result<Value, ApiError> {
    let (algorithm, message) = input.parts()?;
    let key = app.state.read().kms.use_key(Operation::Sign, &input.key_id)?;
    let signature = key.sign(app.state.root_key(), algorithm, message)?;
    let answer = json!({ "KeyId": key.arn(), "Signature": Blob(signature.into()), "SigningAlgorithm": algorithm });
    unless_dry_run(input.dry_run, answer)
}

pub(super) fn verify(app: &App, input: Verify) -> Result<Value, ApiError> {
    let (algorithm, message) = input.signed.parts()?;
    let key = app.state.read().kms.use_key(Operation::Verify, &input.signed.key_id)?;
    key.verify(algorithm, message, &input.signature.0)?;
    let answer = json!({ "KeyId": key.arn(), "SignatureValid": true, "SigningAlgorithm": algorithm });
    unless_dry_run(input.signed.dry_run, answer)
}
