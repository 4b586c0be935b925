//! `ConfirmTopicRuleDestination`: an endpoint's owner gives back what they were sent. The token is all they need to show.
use http::{Method, request};
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::custom::is_signed;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    confirmation_token: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    confirm(app, &input.confirmation_token).await
}

/// What giving it back does.
pub(crate) async fn confirm(app: &App, token: &str) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| registry.confirm_destination(now, token)).await
}

/// The token of who followed the link, and need not sign (developer guide, "Confirming topic rule destinations": `enableUrl`).
pub(crate) fn confirmation(head: &request::Parts) -> Option<&str> {
    let token = head.uri.path().strip_prefix("/confirmdestination/")?;
    (head.method == Method::GET && !is_signed(head)).then_some(token)
}
