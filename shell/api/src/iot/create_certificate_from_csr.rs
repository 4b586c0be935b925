//! `CreateCertificateFromCsr`: the device made its key and keeps it.
use sekisho_identity::Csr;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_signing_request: String,
    #[serde(default)]
    set_as_active: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let csr = Csr::parse_pem(&input.certificate_signing_request)
        .map_err(|error| ApiError::new(400, "InvalidRequestException", format!("Invalid CSR: {error}")))?;
    let certificate = app.issuing.issue(csr.subject_public_key_info().clone(), input.set_as_active).await?;
    Ok(json!({
        "certificateArn": app.state.read().registry.certificate_arn(certificate.certificate_id),
        "certificateId": certificate.certificate_id,
        "certificatePem": certificate.to_pem(),
    }))
}
