//! Runs core/rules/cases/*.case: statements, messages and results for people who write no Rust.
//!
//! ```text
//! # what the case shows, and the page that says so
//! version   2016-03-23                            (2015-10-08 if absent)
//! sql       SELECT temp FROM 'plant/+/oven'       (or: template ${topic()}, which sees what SET made in the sql before it)
//! message   plant/7/oven {"temp": 60}             (a topic, and the payload as it is)
//! result    {"temp":60}                           (or: no match; or: error and its text; nothing if the result is empty)
//! refused   line 1, column 8: expected …          (instead of messages: the statement does not compile)
//! payload   {"temp": 60}                          (of the rows and grids that follow; {} if absent)
//! rows                                            (an expression and its value in JSON, - for Undefined)
//! | temp + 1    | 61
//! grid      $1 + $2 | 3 | 'a'                     ($1 is what begins a row, $2 what stands above a column)
//! | 2               | 5 | "2a"
//! ```
use std::cell::OnceCell;
use std::fmt::Write;
use std::rc::Rc;

use sekisho_types::Timestamp;

use crate::one_oven::OneOven;
use crate::{
    Evaluation, EvaluationError, Language, Message, MqttProperties, Program, SqlError, SqlVersion, Template, compile,
};

/// Results that the cases hold at least: a file that is not read would take some away.
const RESULTS_MIN: usize = 7850;
/// Where the messages of rows and grids were published.
const TOPIC: &str = "factory/oven-7/telemetry";

enum Compiled {
    Program(Rc<Program>),
    /// With the statement before it, whose variables it sees.
    Template(Template, Option<Rc<Program>>),
    Refused(SqlError),
}

impl Compiled {
    fn result(&self, topic: &str, payload: &str) -> String {
        let properties = MqttProperties {
            content_type: Some("application/json"),
            payload_is_utf8: true,
            response_topic: Some("replies/oven-7"),
            correlation_data: Some(b"order 66"),
            user_properties: vec![("some key", "some value"), ("line", "4"), ("some key", "another value")],
        };
        let message = Message {
            topic,
            payload: payload.as_bytes(),
            client_id: Some("oven-7"),
            principal: "8f2c",
            account: "123456789012",
            received: Timestamp::from_millis(1_481_825_251_155),
            trace_id: Some(&OnceCell::from("12345678-1234-1234-1234-123456789012".to_owned())),
            source_ip: Some([192, 0, 2, 7].into()),
            mqtt: Some(&properties),
            known: Some(&OneOven),
            variables: None,
        };
        let mut random = |out: &mut [u8]| out.fill(7);
        let mut message = message;
        let variables = match self {
            Self::Template(_, Some(program)) => Some(program.evaluate_keeping(&message, &mut random).1),
            _ => None,
        };
        message.variables = variables.as_ref();
        let failed = |error: EvaluationError| format!("error {error}");
        match self {
            Self::Program(program) => match program.evaluate(&message, &mut random) {
                Evaluation::NotSelected => "no match".into(),
                Evaluation::Selected(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Evaluation::Failed(error) => failed(error),
            },
            Self::Template(template, _) => template.evaluate(&message, &mut random).unwrap_or_else(failed),
            Self::Refused(error) => panic!("{error}"),
        }
    }
}

/// The value of an expression, as a cell of a table shows it.
fn cell(expression: &str, version: SqlVersion, payload: &str) -> String {
    match compile(&format!("SELECT VALUE ({expression})"), version) {
        Err(error) => format!("refused {error}"),
        Ok(program) => match Compiled::Program(program.into()).result(TOPIC, payload) {
            undefined if undefined.is_empty() => "-".into(),
            value => value,
        },
    }
}

/// What the lines that begin with `|` are.
enum Table<'a> {
    Rows,
    Grid { expression: &'a str, columns: Vec<&'a str> },
}

impl Table<'_> {
    /// The row as it should read, and how many results it has.
    fn played(&self, line: &str, version: SqlVersion, payload: &str) -> (String, usize) {
        let cells: Vec<&str> = line.trim_start_matches('|').split(" | ").map(str::trim).collect();
        let found: Vec<String> = match self {
            Self::Rows => vec![cell(cells[0], version, payload)],
            Self::Grid { expression, columns } => columns
                .iter()
                .map(|column| cell(&expression.replace("$1", cells[0]).replace("$2", column), version, payload))
                .collect(),
        };
        let count = found.len();
        if found.iter().map(String::as_str).eq(cells.iter().skip(1).copied()) {
            return (line.to_owned(), count);
        }
        (format!("| {} | {}", cells[0], found.join(" | ")), count)
    }
}

/// The case as it should read: its own lines, with what really happened in place of its results. And how many these are.
fn played(case: &str) -> (String, usize) {
    let (mut version, mut compiled, mut found, mut out) = (SqlVersion::default(), None, None, String::new());
    let mut statement: Option<Rc<Program>> = None;
    let (mut payload, mut table, mut count) = ("{}", Table::Rows, 0);
    for line in case.lines() {
        let (word, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let text = text.trim();
        let result = match word {
            "version" => {
                version = SqlVersion::parse(text).unwrap();
                None
            }
            "sql" => {
                let program = compile(text, version).map(Rc::new);
                statement = program.as_ref().ok().cloned();
                compiled = Some(program.map_or_else(Compiled::Refused, Compiled::Program));
                None
            }
            "template" => {
                let language = statement.as_deref().map_or_else(|| version.into(), Language::from);
                let template = Template::compile(text, language);
                let with = |template| Compiled::Template(template, statement.clone());
                compiled = Some(template.map_or_else(Compiled::Refused, with));
                None
            }
            "message" => {
                let (topic, payload) = text.split_once(' ').unwrap_or((text, ""));
                found = compiled.as_ref().map(|compiled| compiled.result(topic, payload));
                None
            }
            "result" => found.take(),
            "refused" => match &compiled {
                Some(Compiled::Refused(error)) => Some(error.to_string()),
                _ => Some("it is accepted".into()),
            },
            "payload" => {
                payload = text;
                None
            }
            "rows" => {
                table = Table::Rows;
                None
            }
            "grid" => {
                let mut cells = text.split(" | ").map(str::trim);
                table = Table::Grid { expression: cells.next().unwrap(), columns: cells.collect() };
                None
            }
            "|" => {
                let (line, results) = table.played(line, version, payload);
                count += results;
                out.push_str(&line);
                out.push('\n');
                continue;
            }
            "" | "#" => None,
            other => panic!("`{other}` begins no line of a case"),
        };
        let _ = match result {
            Some(result) => {
                count += 1;
                writeln!(out, "{}", format!("{word:<10}{result}").trim_end())
            }
            None => writeln!(out, "{line}"),
        };
    }
    (out, count)
}

#[test]
fn cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (mut results, mut wrong) = (0, String::new());
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let case = std::fs::read_to_string(&path).unwrap();
        assert!(case.starts_with("# "), "{}: a case begins with what it shows", path.display());
        let (played, count) = played(&case);
        for (number, (expected, found)) in case.lines().zip(played.lines()).enumerate() {
            if found != expected {
                let _ = writeln!(wrong, "{}:{}\n  {expected}\n  {found}", path.display(), number + 1);
            }
        }
        results += count;
    }
    assert!(wrong.is_empty(), "as it should be, and as it is:\n{wrong}");
    assert!(results >= RESULTS_MIN, "{results} results");
}
