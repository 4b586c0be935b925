//! `GetTopicRule`
use sekisho_types::RuleName;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    rule_name: RuleName,
}

impl Input {
    /// The rule's name.
    pub(super) fn rule_name(&self) -> &RuleName {
        &self.rule_name
    }
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let rule = cores.registry.topic_rule(&input.rule_name)?;
    let mut shown = Map::new();
    shown.insert("ruleName".to_owned(), json!(rule.rule_name));
    shown.insert("createdAt".to_owned(), json!(rule.created_at.seconds() as f64));
    shown.insert("ruleDisabled".to_owned(), json!(rule.rule_disabled()));
    shown.insert("awsIotSqlVersion".to_owned(), json!("2015-10-08"));
    // What was given beats what is the default.
    let given = rule.payload.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    shown.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    Ok(json!({ "ruleArn": cores.registry.topic_rule_arn(&rule.rule_name), "rule": shown }))
}
