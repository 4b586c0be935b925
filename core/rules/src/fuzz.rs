//! Nothing an operator writes and nothing a device sends may panic, what is printed means what was written, and our JSON is
//! serde_json's.
use serde_json::Value;

use crate::json::{self, Fields, Kind};
use crate::one_oven::OneOven;
use crate::{Evaluation, EvaluationError, Message, MqttProperties, SqlVersion, Statement, Template, compile};

const VERSIONS: [SqlVersion; 2] = [SqlVersion::V2015_10_08, SqlVersion::V2016_03_23];

/// What the statement makes of the payload in each version that it compiles in: JSON, the payload itself, or nothing.
fn evaluate(sql: &str, payload: &[u8]) -> Vec<Evaluation> {
    let properties = MqttProperties { user_properties: vec![("a", "1"), ("a", "2")], ..MqttProperties::default() };
    let mqtt = Some(&properties);
    let message = Message {
        topic: "a/b/c",
        payload,
        principal: "p",
        account: "123456789012",
        mqtt,
        known: Some(&OneOven),
        ..Message::default()
    };
    let mut evaluations = Vec::new();
    for version in VERSIONS {
        let Ok(program) = compile(sql, version) else { continue };
        let evaluation = program.evaluate(&message, &mut |out: &mut [u8]| out.fill(7));
        if let Evaluation::Selected(result) = &evaluation {
            let raw = result == payload || result.is_empty();
            let valid = std::str::from_utf8(result).is_ok_and(|text| json::check(text).is_ok());
            assert!(raw || valid, "{sql}: {result:?}");
        }
        evaluations.push(evaluation);
    }
    evaluations
}

/// What is printed parses to the same statement, and makes the same of a payload.
fn print(sql: &str, payload: &[u8]) {
    let Ok(statement) = Statement::parse(sql) else { return };
    let printed = statement.to_string();
    assert_eq!(Statement::parse(&printed).as_ref(), Ok(&statement), "{sql}\n{printed}");
    assert_eq!(evaluate(&printed, payload), evaluate(sql, payload), "{sql}\n{printed}");
}

#[test]
fn sql() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        evaluate(&text, br#"{"a":{"b":[1,2.5,"x",null,true]},"temperature":21.5}"#);
        evaluate(&format!("SELECT *, {text} AS x FROM 'a'"), b"{}");
        print(&text, b"{}");
        for version in VERSIONS {
            let _ = Template::compile(&text, version);
            let _ = Template::compile(&format!("${{{text}}}"), version);
        }
    });
}

/// Random text is hardly ever SQL; random choices of its words often are.
#[test]
fn sql_of_words() {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "a", "a.b", "temperature", "'x'", "\"\"", "1", "-2.5", "1E300", "null", "true", "*", "+", "-", "/", "%", "=", "<>", "<", ">=",
        "(", ")", "[", "]", "{", "}", ",", ".", ":", "AND", "OR", "NOT", "IN", "CASE", "WHEN", "THEN", "ELSE", "END", "AS", "AS x", "AS x.y",
        "FROM 'a/#'", "FROM a", "WHERE", "SELECT", "VALUE", "(SELECT VALUE b FROM a)", "(SELECT * FROM a WHERE b = 1)", "topic(", "get(",
        "concat(", "aws_lambda('f',", "get_dynamodb('t','k',7,", "get_secret('s','SecretString',", "substring(", "regexp_replace(", "decode(", "encode(*,'base64')", "cast(", "parse_time(", "time_to_epoch(", "trunc(",
        "power(", "lpad(", "replace(", "nanvl(", "floor(", "bitnot(", "newuuid()", "md5(", "@v", "@v.a", "FROM @v", "exists(SELECT",
        "transform('enrichArray',", "get_user_properties(",
    ];
    bolero::check!().with_type::<Vec<u8>>().for_each(|choices| {
        let words = choices.iter().map(|choice| WORDS[usize::from(*choice) % WORDS.len()]);
        let text = words.collect::<Vec<_>>().join(" ");
        let payload = br#"{"a":{"b":[1,2.5,{"b":1E400},"x",null,true]},"temperature":"2016-03-23","x":{"y":1}}"#;
        evaluate(&format!("SELECT {text}"), payload);
        evaluate(&format!("SELECT VALUE {text}"), payload);
        evaluate(&format!("SELECT *, {text} AS x.z WHERE {text}"), payload);
        print(&format!("SET @v = a SELECT VALUE {text}"), payload);
        print(&format!("SET @v = {text} SELECT {text} WHERE {text}"), payload);
    });
}

/// Choices that make a text by rules, until there are no more of them.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn below(&mut self, count: u8) -> u8 {
        self.0.next().map_or(0, |choice| choice % count)
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[usize::from(self.below(of.len() as u8))]
    }

    fn several(&mut self, depth: u8, each: fn(&mut Self, u8) -> String) -> String {
        let count = self.below(4);
        (0..count).map(|_| each(self, depth)).collect::<Vec<_>>().join(", ")
    }

    fn path(&mut self) -> String {
        self.one(&["a", "a.b", "a.b.a", "b", "value", "x.from", "none"]).into()
    }

    /// Something of the grammar; deeper than `depth` only names and literals.
    fn expression(&mut self, depth: u8) -> String {
        if depth == 0 {
            return match self.below(3) {
                0 => self.path(),
                1 => self.one(&["@v", "@v.a", "true", "null"]).into(),
                _ => self.one(&["0", "1", "2.50", "1E300", "'x'", "'it''s'", "\"7\"", "''"]).into(),
            };
        }
        let depth = depth - 1;
        match self.below(14) {
            0 => format!("({})", self.expression(depth)),
            1 => format!("-{}", self.expression(depth)),
            2 => format!("NOT {}", self.expression(depth)),
            3..6 => {
                let operator =
                    self.one(&["OR", "AND", "=", "<>", "!=", "<", ">=", "IN", "+", "-", "*", "/", "%", "+", "AND"]);
                format!("{} {operator} {}", self.expression(depth), self.expression(depth))
            }
            6 => format!(
                "CASE {} WHEN {} THEN {} {} END",
                self.expression(depth),
                self.expression(depth),
                self.expression(depth),
                if self.below(2) == 0 { String::new() } else { format!("ELSE {}", self.expression(depth)) },
            ),
            7 => format!(
                "{{{}}}",
                self.several(depth, |c, d| format!("'{}': {}", c.one(&["a", "b", "''"]), c.expression(d)))
            ),
            8 => format!("[{}]", self.several(depth, Self::expression)),
            9 => format!("({})", self.query(depth)),
            10 => format!("exists({})", self.query(depth)),
            11 => format!("({}).{}", self.expression(depth), self.one(&["a", "b.a"])),
            12 => {
                format!("cast({} AS {})", self.expression(depth), self.one(&["int", "String", "bool", "Double", "?"]))
            }
            _ => {
                let name = self.one(&[
                    "concat",
                    "get",
                    "nanvl",
                    "get_or_default",
                    "lower",
                    "abs",
                    "topic",
                    "substring",
                    "replace",
                    "isNull",
                    "decode",
                    "regexp_matches",
                    "parse_time",
                    "transform",
                    "get_user_properties",
                    "sha256",
                    "trunc",
                    "indexof",
                    "no_such",
                ]);
                format!("{name}({})", self.several(depth, Self::expression))
            }
        }
    }

    fn query(&mut self, depth: u8) -> String {
        let from = match self.below(3) {
            0 => self.one(&["@v", "@v.a", "@w"]).into(),
            _ => self.path(),
        };
        format!("{} FROM {from}{}", self.output(depth), self.condition(depth))
    }

    fn output(&mut self, depth: u8) -> String {
        match self.below(4) {
            0 => format!("SELECT VALUE {}", self.expression(depth)),
            1 => "SELECT *".into(),
            2 => format!("SELECT *, {} AS {}", self.expression(depth), self.one(&["a", "z", "a.b", "from"])),
            _ => format!("SELECT {}, {} AS q.r", self.path(), self.expression(depth)),
        }
    }

    fn condition(&mut self, depth: u8) -> String {
        if self.below(2) == 0 { String::new() } else { format!(" WHERE {}", self.expression(depth)) }
    }

    fn statement(&mut self) -> String {
        let (v, w) = (self.expression(2), self.expression(2).replace('@', ""));
        let (output, condition) = (self.output(4), self.condition(3));
        format!("SET @w = {w}, @v = {} {output} FROM 'a/#'{condition}", v.replace("@v", "@w"))
    }

    fn json(&mut self, depth: u8) -> String {
        match self.below(if depth == 0 { 5 } else { 9 }) {
            0 => self.one(&["0", "-1", "2.50", "1e999", "10.0"]).into(),
            1 => self.one(&["\"\"", "\"x\"", "\"\\u0061\\n\"", "\"7\"", "\"é\""]).into(),
            2 => "true".into(),
            3 => "null".into(),
            4 => self.one(&["[]", "{}", " [ ]", "{ }"]).into(),
            5 | 6 => format!("[{}]", self.several(depth - 1, Self::json)),
            _ => format!(
                "{{{}}}",
                self.several(depth - 1, |c, d| format!("\"{}\": {}", c.one(&["a", "b", "value", "x"]), c.json(d)))
            ),
        }
    }
}

/// Statements of the whole grammar over payloads of any shape.
#[test]
fn statements_of_the_grammar() {
    bolero::check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(statement, payload)| {
        let sql = Choices(statement.iter()).statement();
        let (a, b) = (Choices(payload.iter()).json(3), Choices(payload.iter()).json(1));
        print(&sql, format!("{{\"a\": {a}, \"b\": {b}}}").as_bytes());
        evaluate(&sql, a.as_bytes());
        evaluate(&sql, payload);
    });
}

/// Payloads of any shape, and bytes that are none, under every statement and template of the cases: AWS's examples among them.
#[test]
fn payloads_under_the_statements_of_the_cases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let (mut programs, mut templates) = (Vec::new(), Vec::new());
    for file in folder.read_dir().unwrap() {
        let case = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for (word, text) in case.lines().filter_map(|line| line.split_once(char::is_whitespace)) {
            match word {
                "|" => {
                    let sql = format!("SELECT VALUE ({})", text.split(" | ").next().unwrap_or_default());
                    programs.extend(compile(&sql, SqlVersion::V2016_03_23).ok());
                }
                "sql" => programs.extend(VERSIONS.iter().filter_map(|version| compile(text.trim(), *version).ok())),
                "template" => templates.extend(Template::compile(text.trim(), SqlVersion::V2016_03_23).ok()),
                _ => {}
            }
        }
    }
    assert!(programs.len() > 1_000 && templates.len() >= 5, "{} {}", programs.len(), templates.len());
    let mut random = |out: &mut [u8]| out.fill(7);
    bolero::check!().with_type::<(u16, bool, Vec<u8>)>().for_each(|(choice, is_json, bytes)| {
        let json = is_json.then(|| Choices(bytes.iter()).json(4));
        let payload = json.as_deref().map_or(&bytes[..], str::as_bytes);
        let message = Message { topic: "a/b/c", payload, known: Some(&OneOven), ..Message::default() };
        let program = &programs[usize::from(*choice) % programs.len()];
        if let (Evaluation::Selected(result), _) = program.evaluate_keeping(&message, &mut random.clone()) {
            assert!(result.len() <= crate::RESULT_BYTES_MAX + payload.len());
        }
        let _ = templates[usize::from(*choice) % templates.len()].evaluate(&message, &mut random);
    });
}

/// However a statement multiplies what is in a message, there is an end to it.
#[test]
fn work_is_bounded() {
    let list = format!("[{}]", vec!["{\"n\":[1,2]}"; 4000].join(","));
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let payload = format!("{{\"list\":{list},\"deep\":{deep},\"text\":\"{}\"}}", "a".repeat(60_000));
    let many = |part: &str, count: usize| vec![part; count].join(",");
    for sql in [
        "SET @l = list SELECT VALUE (SELECT VALUE (SELECT VALUE (SELECT VALUE n FROM @l) FROM @l) FROM @l)".to_owned(),
        "SET @l = concat(list, []) SELECT VALUE length((SELECT VALUE (SELECT VALUE @l FROM @l) FROM @l))".to_owned(),
        format!("SELECT VALUE length([{}])", many("text", 30_000)),
        format!("SELECT VALUE '' + [{}]", many("text", 30_000)),
        format!("SELECT VALUE (SELECT VALUE [{}] FROM list)", many("*", 20_000)),
        format!("SELECT {}", many("text + '' = text AS a", 3_000)),
        format!(
            "SET @a = [{0}], @b = [{1}], @c = [{2}], @d = [{3}] SELECT VALUE length(@d)",
            many("list", 20),
            many("@a", 20),
            many("@b", 20),
            many("@c", 20)
        ),
        "SELECT VALUE (SELECT VALUE regexp_matches('x', n) FROM list)".to_owned(),
        format!("SELECT VALUE md2(concat({}))", many("text", 12)),
    ] {
        let evaluations = evaluate(&sql, payload.as_bytes());
        let short: String = sql.chars().take(90).collect();
        for evaluation in evaluations {
            let failed = matches!(evaluation, Evaluation::Failed(EvaluationError::TooLong | EvaluationError::TooLarge));
            assert!(failed, "{short}: {evaluation:.100?}");
        }
    }
    for evaluation in evaluate("SELECT VALUE deep = deep AND list = list", payload.as_bytes()) {
        assert_eq!(evaluation, Evaluation::Selected("true".into()));
    }
}

/// The same function of every kind of argument: none may panic.
#[test]
fn every_function_of_every_value() {
    #[rustfmt::skip]
    const VALUES: &[&str] = &[
        "missing", "null", "true", "''", "'€ 1'", "'base64'", "'[a-'", "'yyyy'", "'-1E999'", "0", "-1", "1", "34", "1E999", "-1E-999",
        "9999999999999999999999999999999999", "-9223372036854775808", "0.5", "a", "a.o", "[]", "['x', 2]", "{}", "{'k': 1}", "*",
    ];
    for function in crate::functions() {
        for count in 0..=3 {
            for choice in 0..VALUES.len().pow(count) {
                if count == 3 && choice % 13 != 0 {
                    continue; // enough of them
                }
                let arguments = (0..count).map(|at| VALUES[choice / VALUES.len().pow(at) % VALUES.len()]);
                let call = format!("{}({})", function.name, arguments.collect::<Vec<_>>().join(", "));
                evaluate(&format!("SELECT VALUE {call}"), br#"{"a":{"o":[1,"b"]}}"#);
            }
        }
    }
}

#[test]
fn json_is_what_serde_json_takes_for_it() {
    bolero::check!().for_each(|bytes: &[u8]| compare(bytes));
}

/// Random bytes are hardly ever JSON; random choices of its tokens often are.
#[test]
fn json_of_tokens_is_what_serde_json_takes_for_it() {
    #[rustfmt::skip]
    const TOKENS: &[&str] = &[
        "{", "}", "[", "]", ",", ":", " ", "\n", "\"", "\\", "\"a\"", "\"b\"", "\"a\":", "\"b\":{", "\"c\":[", "\"\\u0061\":", "\\u00e9",
        "\\ud83d\\ude00", "\\ud83d", "\\ude00", "é", "\u{1}", "0", "1", "-", ".5", "e", "E+2", "12345678", "true", "false", "null", "nul",
    ];
    bolero::check!().with_type::<Vec<u8>>().for_each(|choices| {
        let text: String = choices.iter().map(|choice| TOKENS[usize::from(*choice) % TOKENS.len()]).collect();
        compare(text.as_bytes());
        compare(format!("{{\"a\":{text}}}").as_bytes());
        compare(format!("{{\"b\":{{\"a\":[{text}]}},\"a\":\"{text}\"}}").as_bytes());
    });
}

/// Accepted and refused together; and `a`, `b.a` found with the same values.
fn compare(bytes: &[u8]) {
    let theirs = serde_json::from_slice::<Value>(bytes);
    if theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range")) {
        return; // ours have 34 digits and three of exponent; they are numbers in the grammar
    }
    let mut fields = Fields::default();
    let (a, nested) = (fields.intern(&["a"]), fields.intern(&["b", "a"]));
    let ours = fields.find(bytes);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {ours:?} {theirs:?}", String::from_utf8_lossy(bytes));
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return };
    let same = |ours: Option<&str>, theirs: Option<&Value>| {
        let parsed = ours.map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(parsed.as_ref(), theirs);
    };
    same(ours.get(a), theirs.get("a"));
    same(ours.get(nested), theirs.get("b").and_then(|b| b.get("a")));
    let mut compact = Vec::new();
    json::write_compact(ours.text, &mut compact);
    assert_eq!(serde_json::from_slice::<Value>(&compact).unwrap(), theirs);
    match json::kind(ours.text) {
        Kind::String => assert_eq!(json::unquoted(&ours.text[1..ours.text.len() - 1]), theirs.as_str().unwrap()),
        Kind::Array => assert_eq!(json::elements(ours.text).count(), theirs.as_array().unwrap().len()),
        Kind::Object => assert!(json::members(ours.text).all(|m| theirs.get(&*m.key).is_some())),
        Kind::Null | Kind::Boolean(_) | Kind::Number => {}
    }
}
