//! `CancelCertificateTransfer`
use sekisho_types::CertificateId;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    certificate_id: CertificateId,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| registry.cancel_certificate_transfer(now, input.certificate_id)).await
}
