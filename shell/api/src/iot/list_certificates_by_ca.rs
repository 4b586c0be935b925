//! `ListCertificatesByCA`: the newest first unless asked otherwise.
use sekisho_types::CertificateId;
use serde::Deserialize;
use serde_json::Value;

use super::list_certificates::certificates;
use super::page::ByMarker;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    ca_certificate_id: CertificateId,
    #[serde(flatten)]
    page: ByMarker,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    certificates(&cores.registry, cores.registry.certificates_by_ca(input.ca_certificate_id), &input.page)
}
