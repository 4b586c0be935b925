//! `CreateTopicRule`
use sekisho_types::RuleName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{called, commit, destination};
use crate::{ApiError, App, bind};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    rule_name: RuleName,
    topic_rule_payload: Value,
    /// A query string: `k=v&k2=v2`.
    #[serde(default)]
    tags: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    called::check(app, &input.topic_rule_payload)?;
    let now = app.state.now();
    let tags = bind::query_pairs(&input.tags, true).into_iter().collect();
    let created = commit(app, |registry| {
        let arn = registry.topic_rule_arn(&input.rule_name);
        let (mut events, ()) = registry.create_topic_rule(now, input.rule_name, input.topic_rule_payload)?;
        events.extend(registry.tagged(&arn, tags)?);
        destination::of_rule(app, registry, events)
    });
    created.await?.into_iter().for_each(|asked| app.destinations.ask(asked));
    Ok(json!({}))
}
