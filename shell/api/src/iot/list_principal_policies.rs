//! `ListPrincipalPolicies`: `ListAttachedPolicies` by its old name, the principal in a header.
use serde::Deserialize;
use serde_json::Value;

use super::page::ByMarker;
use super::policies::by_creation;
use crate::{ApiError, App};

#[derive(Deserialize)]
pub(super) struct Input {
    principal: String,
    #[serde(flatten)]
    page: ByMarker,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    by_creation(&cores.registry, cores.registry.policies_of_principal(&input.principal)?, &input.page)
}
