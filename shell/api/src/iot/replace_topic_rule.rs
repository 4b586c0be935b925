//! `ReplaceTopicRule`
use sekisho_types::RuleName;
use serde::Deserialize;
use serde_json::Value;

use super::{called, commit_empty};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    rule_name: RuleName,
    topic_rule_payload: Value,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    called::check(app, &input.topic_rule_payload)?;
    commit_empty(app, |registry| registry.replace_topic_rule(&input.rule_name, input.topic_rule_payload)).await
}
