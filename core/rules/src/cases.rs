//! Runs core/rules/cases/*.case: statements, messages and results for people who write no Rust.
//!
//! ```text
//! # what the case shows, and the page that says so
//! version   2016-03-23                            (2015-10-08 if absent)
//! sql       SELECT temp FROM 'plant/+/oven'       (or: template ${topic()})
//! message   plant/7/oven {"temp": 60}             (a topic, and the payload as it is)
//! result    {"temp":60}                           (or: no match; or: error and its text; nothing if the result is empty)
//! refused   line 1, column 8: expected …          (instead of messages: the statement does not compile)
//! ```
use std::fmt::Write;

use sekisho_types::Timestamp;

use crate::{Evaluation, EvaluationError, Message, SqlError, SqlVersion, Template, compile};

enum Compiled {
    Program(crate::Program),
    Template(Template),
    Refused(SqlError),
}

impl Compiled {
    fn result(&self, topic: &str, payload: &str) -> String {
        let message = Message {
            topic,
            payload: payload.as_bytes(),
            client_id: Some("oven-7"),
            principal: "8f2c",
            account: "123456789012",
            received: Timestamp::from_millis(1_481_825_251_155),
            ..Message::default()
        };
        let mut random = |out: &mut [u8]| out.fill(7);
        let failed = |error: EvaluationError| format!("error {error}");
        match self {
            Self::Program(program) => match program.evaluate(&message, &mut random) {
                Evaluation::NotSelected => "no match".into(),
                Evaluation::Selected(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Evaluation::Failed(error) => failed(error),
            },
            Self::Template(template) => template.evaluate(&message, &mut random).unwrap_or_else(failed),
            Self::Refused(error) => panic!("{error}"),
        }
    }
}

/// The case as it should read: its own lines, with what really happened in place of its results.
fn played(case: &str) -> String {
    let (mut version, mut compiled, mut found, mut out) = (SqlVersion::default(), None, None, String::new());
    for line in case.lines() {
        let (word, text) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let text = text.trim();
        let result = match word {
            "version" => {
                version = SqlVersion::parse(text).unwrap();
                None
            }
            "sql" => {
                compiled = Some(compile(text, version).map_or_else(Compiled::Refused, Compiled::Program));
                None
            }
            "template" => {
                compiled = Some(Template::compile(text, version).map_or_else(Compiled::Refused, Compiled::Template));
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
            "" | "#" => None,
            other => panic!("`{other}` begins no line of a case"),
        };
        let _ = match result {
            Some(result) => writeln!(out, "{}", format!("{word:<10}{result}").trim_end()),
            None => writeln!(out, "{line}"),
        };
    }
    out
}

#[test]
fn cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut count = 0;
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let case = std::fs::read_to_string(&path).unwrap();
        assert!(case.starts_with("# "), "{}: a case begins with what it shows", path.display());
        assert_eq!(played(&case), case, "{}", path.display());
        count += 1;
    }
    assert!(count >= 20, "{count} cases");
}
