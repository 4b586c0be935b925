//! `ConfirmTopicRuleDestination`: an endpoint's owner gives back what they were sent. The token is all they need to show.
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub(super) confirmation_token: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| registry.confirm_destination(now, &input.confirmation_token)).await
}
