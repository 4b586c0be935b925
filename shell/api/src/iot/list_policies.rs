//! `ListPolicies`
use serde_json::Value;

use super::page::ByMarker;
use super::policies::by_creation;
use crate::{ApiError, App};

pub(super) type Input = ByMarker;

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    by_creation(&cores.registry, cores.registry.policies().collect(), &input)
}
