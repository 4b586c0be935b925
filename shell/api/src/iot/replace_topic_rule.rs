//! `ReplaceTopicRule`
use sekisho_types::RuleName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{called, commit, destination};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    rule_name: RuleName,
    topic_rule_payload: Value,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    called::check(app, &input.topic_rule_payload)?;
    let replaced = commit(app, |registry| {
        let (events, ()) = registry.replace_topic_rule(&input.rule_name, input.topic_rule_payload)?;
        destination::of_rule(app, registry, events)
    });
    replaced.await?.into_iter().for_each(|asked| app.destinations.ask(asked));
    Ok(json!({}))
}
