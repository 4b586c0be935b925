//! `ListCertificates`: the newest first unless asked otherwise.
use sekisho_registry::{Certificate, Registry};
use serde_json::{Value, json};

use super::page::ByMarker;
use crate::{ApiError, App};

pub(super) type Input = ByMarker;

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    certificates(&cores.registry, cores.registry.certificates(), &input)
}

/// A page of certificates that come oldest first.
pub(super) fn certificates<'a>(
    registry: &Registry,
    oldest_first: impl DoubleEndedIterator<Item = &'a Certificate>,
    page: &ByMarker,
) -> Result<Value, ApiError> {
    page.answer(
        "certificates",
        oldest_first,
        |found| key(found),
        |certificate| {
            json!({
                "certificateArn": registry.certificate_arn(certificate.certificate_id),
                "certificateId": certificate.certificate_id,
                "status": certificate.status.as_str(),
                "certificateMode": certificate.certificate_mode.as_str(),
                "creationDate": certificate.creation_date.epoch_seconds(),
            })
        },
    )
}

/// Its place among those.
pub(super) fn key(certificate: &Certificate) -> String {
    format!("{:020} {}", certificate.creation_date.millis(), certificate.certificate_id)
}
