//! `DeleteTopicRule`
use serde_json::Value;

use super::commit_empty;
use super::get_topic_rule::Input;
use crate::{ApiError, App};

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.delete_topic_rule(input.rule_name())).await
}
