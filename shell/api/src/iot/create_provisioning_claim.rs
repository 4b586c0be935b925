//! `CreateProvisioningClaim`: key and certificate of five minutes, for somebody who sets a device up.
use sekisho_identity::{PEM_CERTIFICATE, encode_pem};
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    app.state.read().registry.provisioning_template(&input.template_name)?;
    let key = app.issuing.key_pair().await?;
    let public_pem = key.subject_public_key_info.to_pem();
    let der = app.issuing.sign_claim(key.subject_public_key_info).await?;
    let claim = commit(app, |registry| registry.add_claim(&input.template_name, &der)).await?;
    let private_pem = std::str::from_utf8(key.private_pem.expose()).map_err(ApiError::internal)?;
    Ok(json!({
        "certificateId": claim.certificate_id,
        "certificatePem": encode_pem(PEM_CERTIFICATE, &der),
        "keyPair": { "PublicKey": public_pem, "PrivateKey": private_pem },
        "expiration": claim.not_after.epoch_seconds(),
    }))
}
