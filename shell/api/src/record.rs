//! What was called is recorded before it is answered (`docs/format/audit.md`).
use sekisho_audit::{Call, Record};
use serde_json::Value;

use crate::front::Seen;
use crate::{ApiError, App, Peer, Service};

/// Whether one more call could be recorded; else none is taken.
pub(crate) fn check_room(app: &App) -> Result<(), ApiError> {
    match app.state.audit() {
        Some(audit) if !audit.has_room() => Err(ApiError::unavailable("the record of calls has no room")),
        _ => Ok(()),
    }
}

/// Records a call, and waits until that is written. Who had no right signature is told in the log alone: else strangers could
/// push the calls of others out of the record.
pub(crate) async fn call(
    app: &App,
    peer: Peer,
    seen: &Seen,
    status: u16,
    refusal: Option<&ApiError>,
) -> Result<(), ApiError> {
    let (Some(audit), Some(service), true) = (app.state.audit(), seen.service, seen.verified) else { return Ok(()) };
    let record = Record::Call(Call {
        time: app.state.now(),
        request_id: &seen.request_id,
        access_key_id: &seen.access_key_id,
        from: peer.address,
        tls: peer.secure,
        service: service.name(),
        operation: seen.operation,
        resource: &seen.resource,
        context: seen.context.as_ref(),
        status,
        error: refusal.map(|refusal| &*refusal.code),
    });
    let place = audit.append(&record).map_err(ApiError::internal)?;
    audit.written(place).await.map_err(ApiError::internal)
}

/// What a call of a service with JSON is about: by what its input or, of KMS, its answer names.
pub(crate) fn resource(service: Service, members: &Value) -> Option<&str> {
    let names: &[&str] = match service {
        Service::Firehose => &["DeliveryStreamName"],
        Service::Kms => &["KeyId", "AliasName", "SourceKeyId", "KeyMetadata"],
        Service::Glue => &["DatabaseName", "Name"],
        _ => &[],
    };
    names.iter().find_map(|name| members[name].as_str().or_else(|| members[name]["Arn"].as_str()))
}
