//! What was called is recorded before it is answered (`docs/format/audit.md`).
use sekisho_audit::Record;
use sekisho_journal::Sequence;
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

/// Status of a call whose caller had gone before it was answered; what it asked for may have been done.
const CALLER_GONE: u16 = 499;

/// A call under way. Dropped before its end, because its caller hung up, it is recorded all the same.
pub(crate) struct Call<'a> {
    app: &'a App,
    peer: Peer,
    pub seen: Seen,
    recorded: bool,
}

impl<'a> Call<'a> {
    pub fn begin(app: &'a App, peer: Peer, seen: Seen) -> Self {
        Self { app, peer, seen, recorded: false }
    }

    /// Records it, and waits until that is written.
    pub async fn end(&mut self, status: u16, refusal: Option<&ApiError>) -> Result<(), ApiError> {
        self.recorded = true;
        let Some(place) = append(self.app, self.peer, &self.seen, status, refusal.map(|refusal| &*refusal.code))?
        else {
            return Ok(());
        };
        match self.app.state.audit() {
            Some(audit) => audit.written(place).await.map_err(ApiError::internal),
            None => Ok(()),
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.recorded {
            // If the disk does not take that, the server stops.
            let _ = append(self.app, self.peer, &self.seen, CALLER_GONE, Some("CallerGone"));
        }
    }
}

/// Who had no right signature is told in the log alone: else strangers could push the calls of others out of the record.
fn append(app: &App, peer: Peer, seen: &Seen, status: u16, error: Option<&str>) -> Result<Option<Sequence>, ApiError> {
    let (Some(audit), Some(service), true) = (app.state.audit(), seen.service, seen.verified) else {
        return Ok(None);
    };
    let record = Record::Call(sekisho_audit::Call {
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
        error,
    });
    audit.append(&record).map(Some).map_err(ApiError::internal)
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
