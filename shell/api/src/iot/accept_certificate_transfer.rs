//! `AcceptCertificateTransfer`: there is one account here, so nobody has sent it anything.
use sekisho_types::CertificateId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_id: CertificateId,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    app.state.read().registry.incoming_transfer(input.certificate_id)?;
    Ok(json!({}))
}
