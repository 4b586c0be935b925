//! `ListOutgoingCertificates`: those on their way to another account, the newest first unless asked otherwise.
use sekisho_registry::{Certificate, Transfer};
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
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = |(found, _): &(&Certificate, &Transfer)| {
        format!("{:020} {}", found.creation_date.millis(), found.certificate_id)
    };
    let (size, marker) = (input.page_size.unwrap_or(MARKER_PAGE), input.marker.as_deref());
    let (found, next) = if input.ascending_order {
        page(cores.registry.outgoing_certificates(), key, false, marker, size)?
    } else {
        page(cores.registry.outgoing_certificates().rev(), key, true, marker, size)?
    };
    let shown = found.into_iter().map(|(certificate, transfer)| {
        let mut shown = json!({
            "certificateArn": cores.registry.certificate_arn(certificate.certificate_id),
            "certificateId": certificate.certificate_id,
            "transferredTo": transfer.target_account,
            "transferDate": transfer.date.epoch_seconds(),
            "creationDate": certificate.creation_date.epoch_seconds(),
        });
        if let Some(message) = &transfer.message {
            shown["transferMessage"] = json!(message);
        }
        shown
    });
    let mut output = json!({ "outgoingCertificates": shown.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
