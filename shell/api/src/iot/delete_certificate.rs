//! `DeleteCertificate`
use sekisho_types::CertificateId;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_id: CertificateId,
    #[serde(default)]
    force_delete: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.delete_certificate(input.certificate_id, input.force_delete)).await
}
