//! A statement tried out: the same code the server runs, without one.
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use sekisho_broker::{HashMatch, Route, TopicTrie};
use sekisho_rules::{Answer, Evaluation, Known, Message, Program, Question, SqlVersion, Template, compile, functions};
use sekisho_state::{OsRandom, system_clock};
use sekisho_types::{ClientId, TopicName};
use serde::de::IgnoredAny;

/// Exit code where nothing can be said: a script must not take it for "not selected", which is 1.
const EXIT_UNDECIDED: u8 = 2;
/// Whose message it is if nobody says.
pub(super) const ACCOUNT: &str = "000000000000";

/// A statement.
#[derive(Args)]
struct Statement {
    /// The statement, such as `SELECT * FROM 'a/+' WHERE t > 50`
    #[arg(long)]
    sql: String,
    /// The version of AWS IoT SQL
    #[arg(long, value_name = "VERSION", default_value = "2016-03-23", value_parser = version)]
    sql_version: SqlVersion,
}

/// The flags of `sekisho rule explain`.
#[derive(Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    statement: Statement,
}

/// The flags of `sekisho rule test`.
#[derive(Args)]
pub struct TestArgs {
    #[command(flatten)]
    statement: Statement,
    /// The topic the message is published to
    #[arg(long, value_parser = |text: &str| TopicName::parse(text))]
    topic: TopicName,
    /// The message's payload
    #[arg(long, value_name = "TEXT", required_unless_present = "payload_file")]
    payload: Option<String>,
    /// The same from a file
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<PathBuf>,
    /// The MQTT client id that publishes it
    #[arg(long, value_name = "ID", value_parser = |text: &str| ClientId::parse(text))]
    client_id: Option<ClientId>,
    /// What principal() answers
    #[arg(long, value_name = "ID", default_value = "")]
    principal: String,
    /// Substitution templates of actions, to be filled in with the same message; each is printed on a line of its own
    #[arg(long = "template", value_name = "TEXT")]
    templates: Vec<String>,
    /// What a function that asks others is answered, in JSON: `aws_lambda={"site": "north"}`, `get_secret={"SecretString": "…"}`; nothing
    /// behind the sign is Undefined
    #[arg(long = "answer", value_name = "FUNCTION=JSON", value_parser = answer)]
    answers: Vec<(String, Option<String>)>,
}

/// What the operator says that others would answer.
#[derive(Debug)]
struct Said<'a>(&'a [(String, Option<String>)]);

impl Known for Said<'_> {
    fn answer(&self, question: &Question) -> Answer {
        let said = self.0.iter().find(|(name, _)| name == question.asked_by());
        said.and_then(|(_, answer)| answer.clone()).into()
    }
}

fn answer(text: &str) -> Result<(String, Option<String>), String> {
    let (name, json) = text.split_once('=').ok_or("FUNCTION=JSON")?;
    let asks: Vec<&str> = functions().filter(|function| function.may_ask()).map(|function| function.name).collect();
    if !asks.contains(&name) {
        return Err(format!("`{name}` asks nobody: one of {}", asks.join(", ")));
    }
    if !json.is_empty() {
        serde_json::from_str::<IgnoredAny>(json).map_err(|error| format!("the answer is not JSON: {error}"))?;
    }
    Ok((name.to_owned(), Some(json.to_owned()).filter(|json| !json.is_empty())))
}

pub(super) fn version(text: &str) -> Result<SqlVersion, String> {
    SqlVersion::parse(text).ok_or_else(|| "one of 2015-10-08, 2016-03-23 and beta".to_owned())
}

impl Statement {
    fn compile(&self) -> Result<Program> {
        compile(&self.sql, self.sql_version).context("the statement is not one")
    }
}

/// Prints what a statement selects from, and what it reads.
pub fn explain(args: &ExplainArgs) -> Result<()> {
    let text = described(&args.statement.compile()?);
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

fn described(program: &Program) -> String {
    let filter = program.topic_filter().map_or("nothing: reached by $aws/rules/<rule name>/… alone", |f| f.as_str());
    let fields: Vec<&str> = program.fields_read().collect();
    let fields = if fields.is_empty() { "none".to_owned() } else { fields.join(", ") };
    let asks: Vec<&str> = program.asks().iter().map(|asks| asks.function).collect();
    let asks = if asks.is_empty() { String::new() } else { format!("asks          {}\n", asks.join(", ")) };
    format!("selects from  {filter}\nreads         {fields}\n{asks}SQL version   {}\n", program.version())
}

/// Evaluates, prints, and says by the exit code.
pub fn test(args: &TestArgs) -> ExitCode {
    match evaluate(args).and_then(|evaluation| print(&evaluation)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sekisho: {error:#}");
            ExitCode::from(EXIT_UNDECIDED)
        }
    }
}

/// What a message comes to.
#[derive(Debug, PartialEq)]
struct Outcome {
    /// `None` if it is not selected; why.
    result: Result<Vec<u8>, &'static str>,
    /// Of a selected message.
    templates: Vec<String>,
}

fn evaluate(args: &TestArgs) -> Result<Outcome> {
    let program = args.statement.compile()?;
    let payload = match (&args.payload, &args.payload_file) {
        (_, Some(file)) => std::fs::read(file).with_context(|| file.display().to_string())?,
        (payload, None) => payload.clone().unwrap_or_default().into_bytes(),
    };
    let templates = args
        .templates
        .iter()
        .map(|text| Template::compile(text, &program).with_context(|| format!("`{text}` is no template")));
    let templates = templates.collect::<Result<Vec<_>>>()?;
    let topic = match Route::of(args.topic.as_str()) {
        Route::Rule { topic, .. } => topic,
        Route::Listeners if hears(&program, args.topic.as_str()) => args.topic.as_str(),
        Route::Listeners => return Ok(Outcome { result: Err("FROM does not match the topic"), templates: vec![] }),
    };
    let said = Said(&args.answers);
    let asks = program.asks().iter().chain(templates.iter().flat_map(Template::asks));
    let missing = asks.map(|asks| asks.function).find(|name| !args.answers.iter().any(|(said, _)| said == name));
    let message = Message {
        topic,
        payload: &payload,
        client_id: args.client_id.as_ref().map(ClientId::as_str),
        principal: &args.principal,
        account: ACCOUNT,
        received: system_clock()(),
        known: missing.is_none().then_some(&said),
        ..Message::default()
    };
    let (evaluation, variables) = program.evaluate_keeping(&message, &mut OsRandom);
    let message = Message { variables: Some(&variables), ..message };
    let result = match evaluation {
        Evaluation::Selected(result) => result.to_vec(),
        Evaluation::NotSelected => return Ok(Outcome { result: Err("WHERE is not true"), templates: vec![] }),
        Evaluation::Failed(error) => {
            let error = anyhow::Error::new(error);
            let error = match missing {
                Some(function) => error.context(format!("say what it is answered: --answer '{function}=JSON'")),
                None => error,
            };
            return Err(error.context("the rule fails"));
        }
    };
    let filled = templates.iter().map(|template| template.evaluate(&message, &mut OsRandom));
    Ok(Outcome { result: Ok(result), templates: filled.collect::<Result<_, _>>()? })
}

/// As the server's broker has it.
pub(super) fn hears(program: &Program, topic: &str) -> bool {
    let mut trie = TopicTrie::new(HashMatch::Aws);
    let mut heard = false;
    if let Some(filter) = program.topic_filter() {
        trie.insert(filter, (), ());
        trie.for_each_match(topic, &mut |(), ()| heard = true);
    }
    heard
}

fn print(outcome: &Outcome) -> Result<ExitCode> {
    let Outcome { result, templates } = outcome;
    let mut out = std::io::stdout().lock();
    match result {
        Err(why) => {
            eprintln!("not selected: {why}");
            Ok(ExitCode::FAILURE)
        }
        Ok(result) => {
            // The bytes as an action would get them: they are the operator's own.
            out.write_all(result)?;
            out.write_all(b"\n")?;
            templates.iter().try_for_each(|text| writeln!(out, "{text}"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(sql: &str, topic: &str, payload: &str, templates: &[&str]) -> TestArgs {
        TestArgs {
            statement: Statement { sql: sql.into(), sql_version: SqlVersion::V2016_03_23 },
            topic: TopicName::parse(topic).unwrap(),
            payload: Some(payload.into()),
            payload_file: None,
            client_id: ClientId::parse("pump-7").ok(),
            principal: "p".into(),
            templates: templates.iter().map(|text| (*text).to_owned()).collect(),
            answers: Vec::new(),
        }
    }

    #[test]
    fn others_are_answered_for() {
        let sql = "SELECT aws_lambda('f', *).site AS site, get_dynamodb('t', 'k', n, 'r') AS item FROM 'a'";
        let asked = |answers: &[&str]| {
            let mut args = args(sql, "a", r#"{"n": 1}"#, &["${get_secret('s', 'SecretString', 'r')}"]);
            args.answers = answers.iter().map(|text| answer(text).unwrap()).collect();
            evaluate(&args)
        };
        let (site, item) = (r#"aws_lambda={"site": "north"}"#, "get_dynamodb=");
        let outcome = asked(&[site, item, r#"get_secret={"SecretString": "s3cret"}"#]).unwrap();
        assert_eq!(outcome, Outcome { result: Ok(br#"{"site":"north"}"#.to_vec()), templates: vec!["s3cret".into()] });
        let error = format!("{:#}", asked(&[site, item]).unwrap_err());
        assert!(error.contains("--answer 'get_secret=JSON'"), "{error}");
        assert!(answer("lower={}").is_err() && answer("aws_lambda={").is_err() && answer("aws_lambda").is_err());
    }

    #[test]
    fn a_message_is_selected_or_not_or_nobody_can_say() {
        #[rustfmt::skip] // statement                                        topic               payload     outcome
        let table: &[(&str, &str, &str, Result<&str, &str>)] = &[
            ("SELECT t, topic(2) AS o FROM 'a/+' WHERE t > 1",               "a/b",              "{\"t\":2}", Ok("{\"t\":2,\"o\":\"b\"}")),
            ("SELECT t FROM 'a/+' WHERE t > 1",                              "a/b",              "{\"t\":1}", Err("WHERE is not true")),
            ("SELECT t FROM 'a/+'",                                          "b/b",              "{}",        Err("FROM does not match the topic")),
            ("SELECT t FROM 'a/#'",                                          "a",                "{}",        Err("FROM does not match the topic")),
            ("SELECT topic() AS t",                                          "$aws/rules/r/x/y", "{}",        Ok("{\"t\":\"x/y\"}")),
            ("SELECT * FROM 'a'",                                            "a",                "no json",   Ok("no json")),
            ("SELECT clientid() AS c, principal() AS p FROM 'a'",            "a",                "{}",        Ok("{\"c\":\"pump-7\",\"p\":\"p\"}")),
        ];
        for (sql, topic, payload, expected) in table {
            let Outcome { result, .. } = evaluate(&args(sql, topic, payload, &[])).unwrap();
            assert_eq!(result.map(|bytes| String::from_utf8(bytes).unwrap()), expected.map(str::to_owned), "{sql}");
        }
        let said = |sql| evaluate(&args(sql, "a", "no json", &[])).unwrap_err().to_string();
        assert_eq!(said("SELECT FROM 'a'"), "the statement is not one");
        assert_eq!(said("SELECT t FROM 'a'"), "the rule fails");
    }

    #[test]
    fn templates_are_filled_in() {
        let filled = evaluate(&args("SELECT * FROM '#'", "a/b", "{\"n\":1}", &["${topic(1)}/${n}", "x"])).unwrap();
        assert_eq!(filled.templates, ["a/1", "x"]);
        assert!(evaluate(&args("SELECT * FROM '#'", "a/b", "{}", &["${"])).is_err());
    }

    #[test]
    fn what_is_read() {
        let of = |sql| described(&compile(sql, SqlVersion::V2016_03_23).unwrap());
        assert_eq!(
            of("SELECT a.b AS c FROM 'x/#' WHERE d = 1"),
            "selects from  x/#\nreads         a.b, d\nSQL version   2016-03-23\n"
        );
        assert!(of("SELECT * FROM 'x'").contains("reads         none\n"));
        assert!(of("SELECT a").starts_with("selects from  nothing: reached by $aws/rules/<rule name>/… alone\n"));
    }
}
