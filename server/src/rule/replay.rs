//! `sekisho rule replay`: what a rule would have done with messages that are still there. Nothing is done with them.
use std::io::{BufRead, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use sekisho_broker::Route;
use sekisho_rules::{Action, Evaluation, Message, Program, SqlVersion, compile};
use sekisho_state::OsRandom;
use sekisho_types::{DeliveryStreamName, RuleName, TopicName};
use sekisho_workers::{TailLine, TailRecord};

use super::trial::{ACCOUNT, hears};
use crate::admin_client::{self, Running};
use crate::stream;
use crate::text::printable;

/// The flags of `sekisho rule replay`.
#[derive(Args)]
pub struct ReplayArgs {
    /// A rule of the running server; or say --sql
    #[arg(value_name = "NAME", value_parser = RuleName::parse, required_unless_present = "sql")]
    rule_name: Option<RuleName>,
    /// A statement in its place
    #[arg(long, conflicts_with = "rule_name")]
    sql: Option<String>,
    /// Its version of AWS IoT SQL
    #[arg(long, value_name = "VERSION", default_value = "2016-03-23", value_parser = super::trial::version)]
    sql_version: SqlVersion,
    /// The delivery stream whose records are the messages: those it holds and has not delivered, each on the topic it came on. What a rule
    /// put there is that rule's result; of a stream with a topic filter of its own it is the message
    #[arg(long, value_name = "NAME", value_parser = DeliveryStreamName::parse, required_unless_present = "lines")]
    stream: Option<DeliveryStreamName>,
    /// A file whose lines are the messages, such as an object of a bucket; `-` is standard input. Needs --topic
    #[arg(long, value_name = "FILE", conflicts_with = "stream", requires = "topic")]
    lines: Option<PathBuf>,
    /// The topic those were published to
    #[arg(long, value_parser = |text: &str| TopicName::parse(text))]
    topic: Option<TopicName>,
    #[command(flatten)]
    server: Running,
}

/// What is replayed.
struct Rule {
    /// `None` for a statement.
    name: Option<RuleName>,
    program: Program,
    actions: Vec<Action>,
    account: String,
}

/// How the messages fared.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    messages: u64,
    selected: u64,
    failed: u64,
}

/// Prints what would have been done with each message that is selected, and how many were.
pub async fn run(args: ReplayArgs) -> Result<()> {
    let rule = rule(&args).await?;
    let (mut counts, mut out) = (Counts::default(), std::io::stdout().lock());
    match (&args.stream, &args.lines, &args.topic) {
        (Some(name), _, _) => {
            let each = |line: &[u8]| match serde_json::from_slice(line)? {
                TailLine::Record(record) => Ok(out.write_all(replayed(&rule, &record, &mut counts).as_bytes())?),
                TailLine::Lost(lost) => bail!("{lost} records were not shown"),
                TailLine::End(why) => bail!("{}", printable(&why)),
            };
            stream::held(&args.server, name, each).await?;
        }
        (None, Some(file), Some(topic)) => {
            let lines: Box<dyn BufRead> = match file.as_os_str() == "-" {
                true => Box::new(std::io::stdin().lock()),
                false => {
                    let opened = std::fs::File::open(file).with_context(|| file.display().to_string())?;
                    Box::new(std::io::BufReader::new(opened))
                }
            };
            for line in lines.split(b'\n') {
                let data = Some(String::from_utf8(line?).context("a line is not UTF-8: is it compressed?")?);
                let record = TailRecord { topic: Some(topic.to_string()), data, ..TailRecord::default() };
                out.write_all(replayed(&rule, &record, &mut counts).as_bytes())?;
            }
        }
        _ => bail!("--lines goes with --topic"),
    }
    let Counts { messages, selected, failed } = counts;
    Ok(writeln!(out, "{messages} messages, {selected} selected, {failed} could not be evaluated")?)
}

async fn rule(args: &ReplayArgs) -> Result<Rule> {
    let (sql, payload, version, account) = match (&args.rule_name, &args.sql) {
        (_, Some(sql)) => (sql.clone(), serde_json::Value::Null, args.sql_version, ACCOUNT.to_owned()),
        (Some(name), None) => {
            let ask = serde_json::to_vec(&super::insight::One { rule_name: name.clone() })?;
            let answer = admin_client::command(&args.server.data, "/rule/payload", ask).await?;
            let mut answer: serde_json::Value = serde_json::from_slice(&answer)?;
            let (mut payload, account) = (answer["payload"].take(), answer["account"].take());
            let version = payload["awsIotSqlVersion"].as_str().map_or(Some(SqlVersion::default()), SqlVersion::parse);
            let version = version.context("a version of AWS IoT SQL that this program does not know")?;
            let sql = payload["sql"].as_str().unwrap_or_default().to_owned();
            let account = account.as_str().unwrap_or(ACCOUNT).to_owned();
            (sql, payload["actions"].take(), version, account)
        }
        (None, None) => bail!("which rule? its NAME, or --sql"),
    };
    let program = compile(&sql, version).context("the statement is not one")?;
    let actions = Action::parse_all(payload.as_array().map(Vec::as_slice).unwrap_or_default(), &program)?;
    Ok(Rule { name: args.rule_name.clone(), program, actions, account })
}

/// What would be done with a message; nothing if it is not selected.
fn replayed(rule: &Rule, record: &TailRecord, counts: &mut Counts) -> String {
    counts.messages += 1;
    let topic = record.topic.as_deref().unwrap_or_default();
    let payload = match (&record.data, &record.data_base64) {
        (Some(text), _) => without_separator(text).as_bytes().to_vec(),
        (None, base64) => BASE64_STANDARD.decode(base64.as_deref().unwrap_or_default()).unwrap_or_default(),
    };
    let topic = match Route::of(topic) {
        Route::Rule { name, topic } if rule.name.as_ref().is_none_or(|rule| rule.as_str() == name) => topic,
        Route::Rule { .. } => return String::new(),
        Route::Listeners if hears(&rule.program, topic) => topic,
        Route::Listeners => return String::new(),
    };
    let certificate_id = record.certificate_id.map(|id| id.to_string());
    let message = Message {
        topic,
        payload: &payload,
        client_id: record.client_id.as_deref(),
        principal: certificate_id.as_deref().unwrap_or(&rule.account),
        account: &rule.account,
        received: record.arrival,
        ..Message::default()
    };
    let mut text = format!("{} {}\n", record.arrival, printable(topic));
    let (evaluation, variables) = rule.program.evaluate_keeping(&message, &mut OsRandom);
    let message = Message { variables: Some(&variables), ..message };
    match evaluation {
        Evaluation::NotSelected => return String::new(),
        Evaluation::Failed(error) => {
            counts.failed += 1;
            text.push_str(&format!("  fails         {error}\n"));
        }
        Evaluation::Selected(result) => {
            counts.selected += 1;
            text.push_str(&format!("  result        {}\n", printable(&String::from_utf8_lossy(&result))));
            for action in &rule.actions {
                let does = match does(action, &message) {
                    Ok(resource) => printable(&resource),
                    Err(error) => format!("fails: {}", printable(&error)),
                };
                text.push_str(&format!("  {:<13} {does}\n", action.name().trim_end_matches("Action")));
            }
        }
    }
    text
}

/// What a rule's action put behind a record is not part of it.
fn without_separator(text: &str) -> &str {
    let ends = ["\r\n", "\n", "\t", ","];
    ends.iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text)
}

/// Where an action would take the result.
fn does(action: &Action, message: &Message<'_>) -> Result<String, String> {
    let random = &mut OsRandom;
    let done = match action {
        Action::Firehose(firehose) => firehose.render(message, random).map(|put| put.delivery_stream_name.to_string()),
        Action::S3(s3) => s3.render(message, random).map(|object| format!("{}/{}", object.bucket, object.key)),
        Action::Republish(republish) => republish.render(message, random).map(|again| again.topic.to_string()),
        Action::Http(http) => http.render(message, random).map(|post| post.url.to_string()),
        Action::Call(call) => call.render(message, random).map(|call| call.resource().to_owned()),
        Action::Kafka(kafka) => kafka.render(message, random).map(|produce| produce.topic),
    };
    done.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(sql: &str) -> Rule {
        let version = SqlVersion::V2016_03_23;
        let actions = [
            json!({"s3": {"bucketName": "lake", "key": "o/${n}", "roleArn": "r"}}),
            json!({"republish": {"topic": "a/${to}", "roleArn": "r"}}),
        ];
        let program = compile(sql, version).unwrap();
        let actions = Action::parse_all(&actions, &program).unwrap();
        Rule { name: None, program, actions, account: ACCOUNT.into() }
    }

    fn record(topic: &str, data: &str) -> TailRecord {
        serde_json::from_value(json!({ "arrival": 1_795_524_805_000_i64, "topic": topic, "data": data })).unwrap()
    }

    #[test]
    fn what_a_rule_would_have_done() {
        let rule = rule("SELECT n FROM 'plant/+' WHERE n > 1");
        let mut counts = Counts::default();
        #[rustfmt::skip] // topic   data                       what is printed
        let table = [
            ("plant/7",             "{\"n\":7,\"to\":\"b\"}\n",  "2026-11-24T12:53:25Z plant/7\n  result        {\"n\":7}\n  S3            lake/o/7\n  Republish     a/b\n"),
            ("plant/7",             "{\"n\":8,\"to\":\"#\"}",     "2026-11-24T12:53:25Z plant/7\n  result        {\"n\":8}\n  S3            lake/o/8\n  Republish     fails: `a/#` is no topic: "),
            ("plant/7",             "{\"n\":1}",                 ""),
            ("site/7",              "{\"n\":7}",                 ""),
            ("plant/7",             "\u{1b}[2J",                  "2026-11-24T12:53:25Z plant/7\n  fails         the payload is not JSON\n"),
        ];
        for (topic, data, expected) in table {
            let printed = replayed(&rule, &record(topic, data), &mut counts);
            assert!(printed.starts_with(expected) && (printed.is_empty() == expected.is_empty()), "{data}: {printed}");
        }
        assert_eq!(counts, Counts { messages: 5, selected: 2, failed: 1 });
    }
}
