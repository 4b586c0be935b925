//! `DeprecateThingType`
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_type_name: ThingTypeName,
    #[serde(default)]
    undo_deprecate: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| registry.deprecate_thing_type(now, &input.thing_type_name, input.undo_deprecate)).await
}
