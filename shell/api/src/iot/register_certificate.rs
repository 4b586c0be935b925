//! `RegisterCertificate`: one that a registered, active CA signed.
use sekisho_identity::{CertificateStatus, PresentedCertificate};
use sekisho_registry::{CaChoice, RegistryError};
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
    let parse = |pem: &str| {
        let parsed = PresentedCertificate::parse_pem(pem);
        parsed.map_err(|error| RegistryError::CertificateValidation(error.to_string()))
    };
    let presented = parse(&input.certificate_pem)?;
    let choice = match &input.ca_certificate_pem {
        None => CaChoice::Sole,
        Some(pem) => CaChoice::Only(parse(pem)?.certificate_id()),
    };
    // Signatures are looked at before the state is locked for the commit.
    let candidates = app.state.read().registry.ca_candidates(&presented);
    let vouched = candidates.vouch(presented, choice, now).map_err(RegistryError::from)?;
    let registered = commit(app, |registry| {
        let (events, certificate) = registry.register_certificate(now, &vouched, status, &mut random)?;
        Ok((events, (registry.certificate_arn(certificate.certificate_id), certificate.certificate_id)))
    });
    let (arn, id) = registered.await?;
    Ok(json!({ "certificateArn": arn, "certificateId": id }))
}
