//! `UpdateEventConfigurations`
use std::collections::BTreeMap;

use sekisho_registry::EventType;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    #[serde(default)]
    event_configurations: BTreeMap<EventType, Configuration>,
}

#[derive(Deserialize)]
struct Configuration {
    #[serde(default, rename = "Enabled")]
    enabled: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    let changes = input.event_configurations.into_iter().map(|(kind, configuration)| (kind, configuration.enabled));
    let changes = changes.collect();
    commit_empty(app, |registry| registry.update_event_configurations(now, &changes)).await
}
