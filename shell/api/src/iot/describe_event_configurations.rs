//! `DescribeEventConfigurations`
use std::collections::BTreeMap;

use sekisho_registry::EventType;
use sekisho_types::Timestamp;
use serde_json::{Value, json};

use crate::{ApiError, App};

pub(super) fn run(app: &App) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let known = cores.registry.event_configurations();
    let all = EventType::ALL.iter().map(|kind| (kind, json!({ "Enabled": known.enabled.contains(kind) })));
    Ok(json!({
        "eventConfigurations": all.collect::<BTreeMap<_, _>>(),
        "creationDate": known.creation_date.map(Timestamp::epoch_seconds),
        "lastModifiedDate": known.last_modified_date.map(Timestamp::epoch_seconds),
    }))
}
