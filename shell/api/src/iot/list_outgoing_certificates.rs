//! `ListOutgoingCertificates`: those on their way to another account, the newest first unless asked otherwise.
use serde_json::{Value, json};

use super::list_certificates::key;
use super::page::ByMarker;
use crate::{ApiError, App};

pub(super) type Input = ByMarker;

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let outgoing = cores.registry.outgoing_certificates();
    input.answer(
        "outgoingCertificates",
        outgoing,
        |(certificate, _)| key(certificate),
        |(certificate, transfer)| {
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
        },
    )
}
