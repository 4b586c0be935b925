//! `ListCACertificates`: the newest first unless asked otherwise.
use sekisho_registry::CaCertificate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::ByMarker;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: Option<String>,
    #[serde(flatten)]
    page: ByMarker,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let named = |ca: &&CaCertificate| match &input.template_name {
        None => true,
        wanted => ca.registration_config.as_ref().is_some_and(|config| config.template_name == *wanted),
    };
    let found = cores.registry.ca_certificates().into_iter().filter(named);
    let key = |ca: &&CaCertificate| format!("{:020} {}", ca.creation_date.millis(), ca.certificate_id);
    input.page.answer("certificates", found, key, |ca| {
        json!({
            "certificateArn": cores.registry.ca_certificate_arn(ca.certificate_id),
            "certificateId": ca.certificate_id,
            "status": ca.status(),
            "creationDate": ca.creation_date.epoch_seconds(),
        })
    })
}
