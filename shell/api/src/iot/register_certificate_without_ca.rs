//! `RegisterCertificateWithoutCA`: anybody's, even one that signed itself.
use sekisho_identity::CertificateStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_pem: String,
    status: Option<CertificateStatus>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let registered = commit(app, |registry| {
        let (events, certificate) =
            registry.register_certificate_without_ca(now, &input.certificate_pem, input.status, &mut random)?;
        Ok((events, (registry.certificate_arn(certificate.certificate_id), certificate.certificate_id)))
    });
    let (arn, id) = registered.await?;
    Ok(json!({ "certificateArn": arn, "certificateId": id }))
}
