//! `ListTopicRules`
use sekisho_registry::TopicRule;
use sekisho_types::TopicFilter;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    topic: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
    rule_disabled: Option<bool>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let rules = cores.registry.topic_rules();
    let rules = rules.map(|(rule, program)| (rule, program.and_then(|program| program.topic_filter())));
    let selected = rules.filter(|(rule, filter)| {
        let by_status = input.rule_disabled.is_none_or(|disabled| disabled == rule.rule_disabled());
        let by_topic = input.topic.as_deref().is_none_or(|topic| filter.is_some_and(|filter| selects(filter, topic)));
        by_status && by_topic
    });
    let key = |(rule, _): &(&TopicRule, Option<&TopicFilter>)| rule.rule_name.to_string();
    let size = input.max_results.unwrap_or(TOKEN_PAGE);
    let (rules, next) = page(selected, key, false, input.next_token.as_deref(), size)?;
    let rules = rules.into_iter().map(|(rule, filter)| {
        let mut shown = json!({
            "ruleArn": cores.registry.topic_rule_arn(&rule.rule_name),
            "ruleName": rule.rule_name,
            "createdAt": rule.created_at.seconds() as f64,
            "ruleDisabled": rule.rule_disabled(),
        });
        if let Some(filter) = filter {
            shown["topicPattern"] = json!(filter.as_str());
        }
        shown
    });
    let mut output = json!({ "rules": rules.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}

/// Whether a rule's FROM takes messages of `topic` (MQTT5 §4.7). A filter asked for by itself is found too.
fn selects(filter: &TopicFilter, topic: &str) -> bool {
    if filter.as_str() == topic {
        return true;
    }
    let (mut wanted, mut levels) = (filter.as_str().split('/'), topic.split('/'));
    if topic.starts_with('$') && filter.as_str().starts_with(['+', '#']) {
        return false;
    }
    loop {
        match (wanted.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            (Some(_) | None, Some(_)) | (Some(_), None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // statement              filter     topic      selected?
    const SELECTS: &[(&str, &str, &str, bool)] = &[
        ("MQTT5 §4.7.1.2",                     "plant/#", "plant",   true),
        ("MQTT5 §4.7.1.2",                     "plant/#", "plant/7", true),
        ("MQTT5 §4.7.1.3",                     "plant/+", "plant",   false),
        ("MQTT5 §4.7.1.3",                     "plant/+", "plant/7", true),
        ("MQTT5 [MQTT-4.7.2-1]",               "#",       "$aws/a",  false),
        ("MQTT5 §4.7.3",                       "a/b",     "a",       false),
    ];

    #[test]
    fn a_rule_is_listed_for_the_topics_it_selects() {
        for (statement, filter, topic, selected) in SELECTS {
            assert_eq!(
                selects(&TopicFilter::parse(filter).unwrap(), topic),
                *selected,
                "{statement}: {filter} {topic}"
            );
        }
    }
}
