//! `DisableTopicRule`
use serde_json::Value;

use super::commit_empty;
use super::get_topic_rule::Input;
use crate::{ApiError, App};

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.set_topic_rule_disabled(input.rule_name(), true)).await
}
