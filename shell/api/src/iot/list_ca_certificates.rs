//! `ListCACertificates`: the newest first unless asked otherwise.
use sekisho_registry::CaCertificate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    page_size: Option<usize>,
    marker: Option<String>,
    #[serde(default)]
    ascending_order: bool,
    template_name: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let named = |ca: &&CaCertificate| match &input.template_name {
        None => true,
        wanted => ca.registration_config.as_ref().is_some_and(|config| config.template_name == *wanted),
    };
    let mut all: Vec<_> = cores.registry.ca_certificates().into_iter().filter(named).collect();
    if !input.ascending_order {
        all.reverse();
    }
    let key = |ca: &&CaCertificate| format!("{:020} {}", ca.creation_date.millis(), ca.certificate_id);
    let (size, marker) = (input.page_size.unwrap_or(MARKER_PAGE), input.marker.as_deref());
    let (found, next) = page(all.into_iter(), key, !input.ascending_order, marker, size)?;
    let shown = found.into_iter().map(|ca| {
        json!({
            "certificateArn": cores.registry.ca_certificate_arn(ca.certificate_id),
            "certificateId": ca.certificate_id,
            "status": ca.status(),
            "creationDate": ca.creation_date.epoch_seconds(),
        })
    });
    let mut output = json!({ "certificates": shown.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
