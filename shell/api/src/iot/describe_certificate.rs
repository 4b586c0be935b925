//! `DescribeCertificate`
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
    let certificate = cores.registry.certificate(input.certificate_id)?;
    let mut description = json!({
        "certificateArn": cores.registry.certificate_arn(certificate.certificate_id),
        "certificateId": certificate.certificate_id,
        "status": certificate.status.as_str(),
        "certificatePem": certificate.to_pem(),
        "ownedBy": cores.tenant.account,
        "creationDate": certificate.creation_date.epoch_seconds(),
        "lastModifiedDate": certificate.last_modified_date.epoch_seconds(),
        "customerVersion": certificate.customer_version,
        "transferData": {},
        "generationId": certificate.generation_id,
        "validity": {
            "notBefore": certificate.not_before.epoch_seconds(),
            "notAfter": certificate.not_after.epoch_seconds(),
        },
        "certificateMode": certificate.certificate_mode.as_str(),
    });
    if let Some(ca_certificate_id) = certificate.ca_certificate_id {
        description["caCertificateId"] = json!(ca_certificate_id);
    }
    if let Some(transfer) = &certificate.transfer {
        description["transferData"]["transferDate"] = json!(transfer.date.epoch_seconds());
        if let Some(message) = &transfer.message {
            description["transferData"]["transferMessage"] = json!(message);
        }
    }
    Ok(json!({ "certificateDescription": description }))
}
