//! GenerateRandom
use sekisho_kms::KmsError;
use sekisho_types::Random;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refuse_recipient;
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    number_of_bytes: Option<usize>,
    custom_key_store_id: Option<String>,
    recipient: Option<Value>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    refuse_recipient(input.recipient.as_ref())?;
    if let Some(store) = input.custom_key_store_id {
        return Err(KmsError::NotOffered(format!("CustomKeyStoreId {store}")).into());
    }
    let bytes = input.number_of_bytes.ok_or_else(|| KmsError::Validation("NumberOfBytes is required.".into()))?;
    let mut out = vec![0; bytes];
    app.state.random().fill(&mut out);
    Ok(json!({ "Plaintext": Blob(out.into()) }))
}
