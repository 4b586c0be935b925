//! `AddThingToThingGroup`. `overrideDynamicGroups` is of no consequence: there are no dynamic groups to make room.
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

pub(super) use super::membership::OfThingGroup as Input;

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| {
        let (thing, group) = input.names(registry)?;
        registry.add_thing_to_group(&thing, &group)
    })
    .await
}
