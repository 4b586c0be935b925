//! `DescribeCACertificate`
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
    let cores = app.state.read();
    let ca = cores.registry.ca_certificate(input.certificate_id)?;
    let mut output = json!({ "certificateDescription": {
        "certificateArn": cores.registry.ca_certificate_arn(ca.certificate_id),
        "certificateId": ca.certificate_id,
        "status": ca.status(),
        "certificatePem": ca.to_pem(),
        "ownedBy": cores.tenant.account,
        "creationDate": ca.creation_date.epoch_seconds(),
        "autoRegistrationStatus": ca.auto_registration_status(),
        "lastModifiedDate": ca.last_modified_date.epoch_seconds(),
        "customerVersion": ca.customer_version,
        "generationId": ca.generation_id,
        "validity": {
            "notBefore": ca.not_before.epoch_seconds(),
            "notAfter": ca.not_after.epoch_seconds(),
        },
        "certificateMode": ca.certificate_mode.as_str(),
    } });
    if let Some(config) = &ca.registration_config {
        output["registrationConfig"] = json!(config);
    }
    Ok(output)
}
