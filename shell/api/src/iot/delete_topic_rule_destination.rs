//! `DeleteTopicRuleDestination`
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
pub(super) struct Input {
    arn: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.delete_destination(&input.arn)).await
}
