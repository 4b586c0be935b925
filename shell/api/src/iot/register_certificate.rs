//! `RegisterCertificate`: one that a registered, active CA signed.
use sekisho_identity::CertificateStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_pem: String,
    ca_certificate_pem: Option<String>,
    /// Deprecated; `status` goes before it.
    #[serde(default)]
    set_as_active: bool,
    status: Option<CertificateStatus>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let status = input.status.or(input.set_as_active.then_some(CertificateStatus::Active));
    let registered = commit(app, |registry| {
        let ca = input.ca_certificate_pem.as_deref();
        let (events, certificate) =
            registry.register_certificate(now, &input.certificate_pem, ca, status, &mut random)?;
        Ok((events, (registry.certificate_arn(certificate.certificate_id), certificate.certificate_id)))
    });
    let (arn, id) = registered.await?;
    Ok(json!({ "certificateArn": arn, "certificateId": id }))
}
