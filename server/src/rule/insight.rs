//! How the running server's rules fare.
use std::io::Write;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use sekisho_state::system_clock;
use sekisho_types::{RuleName, Timestamp};
use sekisho_workers::{ActionInsight, Gateway, RuleInsight, RuleTrouble, Rules, WaitingInsight};
use serde::{Deserialize, Serialize};

use crate::admin_client::{self, Running};
use crate::text::{bytes, printable, printable_json, span, table};

/// The flags of `sekisho rule ls`.
#[derive(Args)]
pub struct LsArgs {
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Running,
}

/// The flags of `sekisho rule show`.
#[derive(Args)]
pub struct ShowArgs {
    /// The rule's name
    #[arg(value_name = "NAME", value_parser = |text: &str| RuleName::parse(text))]
    rule_name: RuleName,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Running,
}

/// What is asked of the running server.
#[derive(Serialize, Deserialize)]
pub(super) struct One {
    pub(super) rule_name: RuleName,
}

/// Asks and prints.
pub async fn ls(args: LsArgs) -> Result<()> {
    let answer = admin_client::command(&args.server.data, "/rule/ls", Vec::new()).await?;
    print(args.json, &answer, |rules: Rules| listed(&rules, system_clock()()))
}

/// The same for one.
pub async fn show(args: ShowArgs) -> Result<()> {
    let ask = serde_json::to_vec(&One { rule_name: args.rule_name })?;
    let answer = admin_client::command(&args.server.data, "/rule/show", ask).await?;
    print(args.json, &answer, |rule: RuleInsight| page(&rule, system_clock()()))
}

fn print<'a, T: Deserialize<'a>>(json: bool, answer: &'a Bytes, page: impl FnOnce(T) -> String) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        return Ok(writeln!(out, "{}", printable_json(std::str::from_utf8(answer)?.trim_end()))?);
    }
    Ok(out.write_all(page(serde_json::from_slice(answer)?).as_bytes())?)
}

/// The server's side of it; `None` for a command there is not.
pub fn perform(gateway: &Gateway, path: &str, body: &Bytes) -> Option<Result<String>> {
    let answer = match path {
        "/rule/ls" => serde_json::to_string(&gateway.rules(None)).map_err(Into::into),
        "/rule/show" => serde_json::from_slice(body).context("a rule was to be named").and_then(|One { rule_name }| {
            let rule = gateway.rules(Some(&rule_name)).rules.pop();
            Ok(serde_json::to_string(&rule.with_context(|| format!("there is no rule `{rule_name}`"))?)?)
        }),
        "/rule/payload" => {
            serde_json::from_slice(body).context("a rule was to be named").and_then(|One { rule_name }| {
                let cores = gateway.state().read();
                let payload = &cores.registry.topic_rule(&rule_name)?.payload;
                Ok(serde_json::json!({ "payload": payload, "account": gateway.state().tenant().account }).to_string())
            })
        }
        _ => return None,
    };
    Some(answer.map(|text| text + "\n"))
}

fn listed(Rules { rules, waiting }: &Rules, now: Timestamp) -> String {
    if rules.is_empty() {
        return "there are no rules\n".to_owned();
    }
    let titles = ["rule", "selects from", "matched", "selected", "failed", "done", "actions failed", "late", "waiting"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(rules.iter().map(row));
    let mut text = table(&rows, &[2, 3, 4, 5, 6, 7, 8]);
    if waiting.executions > 0 {
        text.push_str(&format!("to be done: {}\n", said(waiting, now)));
    }
    text
}

fn row(rule: &RuleInsight) -> Vec<String> {
    let every = || rule.actions.iter().chain(&rule.error_action);
    let sum = |of: fn(&ActionInsight) -> u64| every().map(of).sum::<u64>().to_string();
    vec![
        format!("{}{}", rule.rule_name, if rule.is_disabled { " (disabled)" } else { "" }),
        rule.topic_filter.as_deref().map_or_else(|| "-".to_owned(), printable),
        rule.matched.to_string(),
        rule.executed.to_string(),
        rule.not_evaluated.to_string(),
        sum(|action| action.done),
        sum(|action| action.failed),
        sum(|action| action.late),
        rule.waiting.executions.to_string(),
    ]
}

fn said(waiting: &WaitingInsight, now: Timestamp) -> String {
    let oldest = waiting.since.map_or_else(String::new, |since| format!(", the oldest for {}", span(now.since(since))));
    format!("{} messages, {}{oldest}", waiting.executions, bytes(waiting.bytes))
}

fn page(rule: &RuleInsight, now: Timestamp) -> String {
    let mut rows = Vec::new();
    let mut add = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    add("rule", format!("{}{}", rule.rule_name, if rule.is_disabled { ", disabled" } else { "" }));
    add("statement", printable(&rule.sql));
    let RuleInsight { matched, executed, not_evaluated, .. } = rule;
    add("messages", format!("{matched} matched, {executed} selected, {not_evaluated} could not be evaluated"));
    trouble(&mut add, rule.last_error.as_ref());
    for action in &rule.actions {
        add("action", counted(action));
        trouble(&mut add, action.last_error.as_ref());
    }
    if let Some(action) = &rule.error_action {
        add("error action", counted(action));
        trouble(&mut add, action.last_error.as_ref());
    }
    let waits = if rule.waiting.executions == 0 { "nothing".to_owned() } else { said(&rule.waiting, now) };
    add("to be done", waits);
    table(&rows, &[])
}

fn counted(action: &ActionInsight) -> String {
    let ActionInsight { name, resource, done, failed, late, .. } = action;
    format!("{name} {}: {done} done, {failed} failed, {late} late", printable(resource))
}

fn trouble(add: &mut impl FnMut(&str, String), trouble: Option<&RuleTrouble>) {
    if let Some(RuleTrouble { at, error }) = trouble {
        add("  last error", format!("{at} {}", printable(error)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let rules = serde_json::json!({
            "rules": [{
                "rule_name": "hot", "is_disabled": false, "topic_filter": "plant/+", "sql": "SELECT *\nFROM 'plant/+'",
                "matched": 5, "executed": 4, "not_evaluated": 1, "last_error": { "at": 1_795_524_805_000_i64, "error": "\u{1b}[2J" },
                "actions": [
                    { "name": "S3Action", "resource": "lake", "done": 2, "failed": 1, "late": 3, "last_error": null },
                    { "name": "RepublishAction", "resource": "a/${topic()}", "done": 4, "failed": 0, "late": 0, "last_error": null },
                ],
                "error_action": { "name": "FirehoseAction", "resource": "errors", "done": 1, "failed": 0, "late": 0, "last_error": null },
                "waiting": { "executions": 1, "bytes": 2048, "since": 1_795_524_805_000_i64 },
            }],
            "waiting": { "executions": 1, "bytes": 2048, "since": 1_795_524_805_000_i64 },
        });
        serde_json::from_value(rules).unwrap()
    }

    const NOW: Timestamp = Timestamp::from_millis(1_795_524_870_500);

    #[test]
    fn a_list_is_a_line_each() {
        assert_eq!(
            listed(&rules(), NOW),
            "rule  selects from  matched  selected  failed  done  actions failed  late  waiting\n\
             hot   plant/+             5         4       1     7               1     3        1\n\
             to be done: 1 messages, 2.0 KiB, the oldest for 1m 5s\n"
        );
        assert_eq!(listed(&Rules { rules: vec![], waiting: WaitingInsight::default() }, NOW), "there are no rules\n");
    }

    #[test]
    fn a_page_tells_of_each_action_and_cannot_steer_the_terminal() {
        assert_eq!(
            page(&rules().rules[0], NOW),
            "rule          hot\n\
             statement     SELECT *\\nFROM 'plant/+'\n\
             messages      5 matched, 4 selected, 1 could not be evaluated\n  \
               last error  2026-11-24T12:53:25Z \\u{1b}[2J\n\
             action        S3Action lake: 2 done, 1 failed, 3 late\n\
             action        RepublishAction a/${topic()}: 4 done, 0 failed, 0 late\n\
             error action  FirehoseAction errors: 1 done, 0 failed, 0 late\n\
             to be done    1 messages, 2.0 KiB, the oldest for 1m 5s\n"
        );
    }
}
