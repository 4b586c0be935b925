//! `RemoveThingFromBillingGroup`
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

pub(super) use super::membership::OfBillingGroup as Input;

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| {
        let (thing, group) = input.names(registry)?;
        registry.remove_thing_from_billing_group(&thing, &group)
    })
    .await
}
