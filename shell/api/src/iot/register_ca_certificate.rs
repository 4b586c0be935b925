//! `RegisterCACertificate`: by proof of possession, or in SNI_ONLY mode.
use sekisho_registry::{CaRegistration, CertificateMode, RegistrationConfig};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    ca_certificate: String,
    verification_certificate: Option<String>,
    #[serde(default)]
    set_as_active: bool,
    #[serde(default)]
    allow_auto_registration: bool,
    registration_config: Option<RegistrationConfig>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    certificate_mode: CertificateMode,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let asked = CaRegistration {
        ca_certificate_pem: input.ca_certificate,
        verification_certificate_pem: input.verification_certificate.filter(|pem| !pem.is_empty()),
        set_as_active: input.set_as_active,
        allow_auto_registration: input.allow_auto_registration,
        registration_config: input.registration_config,
        certificate_mode: input.certificate_mode,
    };
    let (now, mut random) = (app.state.now(), app.state.random());
    let registered = commit(app, |registry| {
        let (mut events, ca) = registry.register_ca_certificate(now, asked, &mut random)?;
        let arn = registry.ca_certificate_arn(ca.certificate_id);
        events.extend(registry.tagged(&arn, tag_map(input.tags))?);
        Ok((events, (arn, ca.certificate_id)))
    });
    let (arn, id) = registered.await?;
    Ok(json!({ "certificateArn": arn, "certificateId": id }))
}
