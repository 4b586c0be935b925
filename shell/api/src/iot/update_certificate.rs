//! `UpdateCertificate`: whoever is connected with it and may not be any more is disconnected by the gateway, which follows.
use sekisho_identity::CertificateStatus;
use sekisho_types::CertificateId;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_id: CertificateId,
    new_status: CertificateStatus,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| registry.update_certificate(now, input.certificate_id, input.new_status)).await
}
