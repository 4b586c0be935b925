//! `UpdateCACertificate`: an INACTIVE one registers nothing more; what it registered stays.
use sekisho_registry::{CaUpdate, RegistrationConfig};
use sekisho_types::CertificateId;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_id: CertificateId,
    new_status: Option<String>,
    new_auto_registration_status: Option<String>,
    registration_config: Option<RegistrationConfig>,
    #[serde(default)]
    remove_auto_registration: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let update = CaUpdate {
        active: input.new_status.map(|status| status == "ACTIVE"),
        auto_registration: input.new_auto_registration_status.map(|status| status == "ENABLE"),
        registration_config: input.registration_config,
        remove_auto_registration: input.remove_auto_registration,
    };
    let now = app.state.now();
    commit_empty(app, |registry| registry.update_ca_certificate(now, input.certificate_id, update)).await
}
