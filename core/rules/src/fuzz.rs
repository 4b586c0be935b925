//! Nothing an operator writes and nothing a device sends may panic, and our JSON is serde_json's.
use serde_json::Value;

use crate::json::{self, Fields, Kind};
use crate::{Evaluation, Message, SqlVersion, Template, compile};

const VERSIONS: [SqlVersion; 2] = [SqlVersion::V2015_10_08, SqlVersion::V2016_03_23];

fn evaluate(sql: &str, payload: &[u8]) {
    let message = Message { topic: "a/b/c", payload, principal: "p", account: "123456789012", ..Message::default() };
    for version in VERSIONS {
        let Ok(program) = compile(sql, version) else { continue };
        if let Evaluation::Selected(result) = program.evaluate(&message, &mut |out: &mut [u8]| out.fill(7)) {
            let raw = result == payload || result.is_empty();
            let valid = std::str::from_utf8(&result).is_ok_and(|text| json::check(text).is_ok());
            assert!(raw || valid, "{sql}: {result:?}");
        }
    }
}

#[test]
fn sql() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        evaluate(&text, br#"{"a":{"b":[1,2.5,"x",null,true]},"temperature":21.5}"#);
        evaluate(&format!("SELECT *, {text} AS x FROM 'a'"), b"{}");
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
        "concat(", "substring(", "regexp_replace(", "decode(", "encode(*,'base64')", "cast(", "parse_time(", "time_to_epoch(", "trunc(",
        "power(", "lpad(", "replace(", "nanvl(", "floor(", "bitnot(", "newuuid()", "md5(",
    ];
    bolero::check!().with_type::<Vec<u8>>().for_each(|choices| {
        let words = choices.iter().map(|choice| WORDS[usize::from(*choice) % WORDS.len()]);
        let text = words.collect::<Vec<_>>().join(" ");
        let payload = br#"{"a":{"b":[1,2.5,{"b":1E400},"x",null,true]},"temperature":"2016-03-23","x":{"y":1}}"#;
        evaluate(&format!("SELECT {text}"), payload);
        evaluate(&format!("SELECT VALUE {text}"), payload);
        evaluate(&format!("SELECT *, {text} AS x.z WHERE {text}"), payload);
    });
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
                if count == 3 && choice % 7 != 0 {
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
