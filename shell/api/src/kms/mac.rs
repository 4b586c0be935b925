//! GenerateMac, VerifyMac. A code that is none is an error, never `MacValid: false`.
use sekisho_kms::{MacAlgorithm, Operation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{unless_dry_run, word};
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Generate {
    key_id: String,
    message: Blob,
    mac_algorithm: String,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Verify {
    mac: Blob,
    #[serde(flatten)]
    made: Generate,
}

pub(super) fn generate(app: &App, input: Generate) -> Result<Value, ApiError> {
    let algorithm = word(MacAlgorithm::parse, "MacAlgorithm", &input.mac_algorithm)?;
    let key = app.state.read().kms.use_key(Operation::GenerateMac, &input.key_id)?;
    let mac = key.generate_mac(app.state.root_key(), algorithm, &input.message.0)?;
    let answer = json!({ "KeyId": key.arn(), "Mac": Blob(mac.into()), "MacAlgorithm": algorithm });
    unless_dry_run(input.dry_run, answer)
}

pub(super) fn verify(app: &App, input: Verify) -> Result<Value, ApiError> {
    let algorithm = word(MacAlgorithm::parse, "MacAlgorithm", &input.made.mac_algorithm)?;
    let key = app.state.read().kms.use_key(Operation::VerifyMac, &input.made.key_id)?;
    key.verify_mac(app.state.root_key(), algorithm, &input.made.message.0, &input.mac.0)?;
    let answer = json!({ "KeyId": key.arn(), "MacValid": true, "MacAlgorithm": algorithm });
    unless_dry_run(input.made.dry_run, answer)
}
