//! `AttachThingPrincipal`
use sekisho_registry::ThingPrincipalType;
use sekisho_types::ThingName;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
    principal: String,
    thing_principal_type: Option<String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let kind = input.thing_principal_type.as_deref().and_then(ThingPrincipalType::parse).unwrap_or_default();
    commit_empty(app, |registry| registry.attach_thing_principal(&input.thing_name, &input.principal, kind)).await
}
