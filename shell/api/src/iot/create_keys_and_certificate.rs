//! `CreateKeysAndCertificate`: we make the key pair, and forget it once it is handed over.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    #[serde(default)]
    set_as_active: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let key = app.issuing.key_pair().await?;
    let public_pem = key.subject_public_key_info.to_pem();
    let certificate = app.issuing.issue(key.subject_public_key_info, input.set_as_active).await?;
    let private_pem = std::str::from_utf8(key.private_pem.expose()).map_err(ApiError::internal)?;
    Ok(json!({
        "certificateArn": app.state.read().registry.certificate_arn(certificate.certificate_id),
        "certificateId": certificate.certificate_id,
        "certificatePem": certificate.to_pem(),
        "keyPair": { "PublicKey": public_pem, "PrivateKey": private_pem },
    }))
}
