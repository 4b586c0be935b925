//! `ListPolicies`
use serde::Deserialize;
use serde_json::Value;

use super::policies::by_creation;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    marker: Option<String>,
    page_size: Option<usize>,
    #[serde(default)]
    ascending_order: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let policies = cores.registry.policies().collect();
    by_creation(&cores.registry, policies, input.ascending_order, input.marker.as_deref(), input.page_size)
}
