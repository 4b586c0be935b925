//! `ListCertificates`: the newest first unless asked otherwise.
use sekisho_registry::{Certificate, Registry};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

/// What the lists of certificates have in common.
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
    certificates(&cores.registry, cores.registry.certificates(), &input)
}

/// A page of certificates that come oldest first.
pub(super) fn certificates<'a>(
    registry: &Registry,
    oldest_first: impl DoubleEndedIterator<Item = &'a Certificate>,
    input: &Input,
) -> Result<Value, ApiError> {
    let key = |found: &&Certificate| format!("{:020} {}", found.creation_date.millis(), found.certificate_id);
    let (size, marker) = (input.page_size.unwrap_or(MARKER_PAGE), input.marker.as_deref());
    let (certificates, next) = if input.ascending_order {
        page(oldest_first, key, false, marker, size)?
    } else {
        page(oldest_first.rev(), key, true, marker, size)?
    };
    let certificates = certificates.into_iter().map(|certificate| {
        json!({
            "certificateArn": registry.certificate_arn(certificate.certificate_id),
            "certificateId": certificate.certificate_id,
            "status": certificate.status.as_str(),
            "certificateMode": certificate.certificate_mode.as_str(),
            "creationDate": certificate.creation_date.epoch_seconds(),
        })
    });
    let mut output = json!({ "certificates": certificates.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
