//! lower, upper, length, numbytes, trim, ltrim, rtrim, lpad, rpad, chr: whole texts.
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::{Value, int};

/// The most spaces `lpad` and `rpad` add; more become this many.
const PADDING_MAX: i64 = 1000;

/// A function of the text of its argument; Null and Undefined have none.
macro_rules! of_text {
    ($name:literal, $since:expr, $doc:literal, $function:expr, $examples:expr) => {
        Function {
            name: $name,
            since: $since,
            arity: Arity::exactly(1),
            doc: $doc,
            examples: $examples,
            run: Run::Values(|_, args| {
                let function: fn(&str) -> Value<'static> = $function;
                args[0].text().map_or(Value::Undefined, |text| function(&text))
            }),
        }
    };
}

/// A function that adds spaces to a text.
macro_rules! of_padding {
    ($name:literal, $doc:literal, $function:expr, $examples:expr) => {
        Function {
            name: $name,
            since: SqlVersion::V2015_10_08,
            arity: Arity::exactly(2),
            doc: $doc,
            examples: $examples,
            run: Run::Values(|_, args| {
                let function: fn(&str, &str) -> String = $function;
                match (args[0].text(), args[1].number()) {
                    (Some(text), Some(count)) => {
                        let spaces = " ".repeat(count.floor().clamp(0, PADDING_MAX) as usize);
                        Value::string(function(&text, &spaces))
                    }
                    _ => Value::Undefined,
                }
            }),
        }
    };
}

const V1: SqlVersion = SqlVersion::V2015_10_08;
const V2: SqlVersion = SqlVersion::V2016_03_23;

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    of_text!("lower", V1, "A text in lower case.", |text| Value::string(text.to_lowercase()),
        &[("lower('HELLO')", r#""hello""#), ("lower(['HELLO'])", r#""[\"hello\"]""#), ("lower(null)", "Undefined")]),
    of_text!("upper", V1, "A text in upper case.", |text| Value::string(text.to_uppercase()),
        &[("upper('hello')", r#""HELLO""#), ("upper(true)", r#""TRUE""#)]),
    of_text!("length", V2, "The number of characters of a text.", |text| int(text.chars().count() as i128),
        &[("length('hi')", "2"), ("length(false)", "5"), ("length('€')", "1"), ("length(missing)", "Undefined")]),
    of_text!("numbytes", V2, "The number of bytes of a text in UTF-8.", |text| int(text.len() as i128),
        &[("numbytes('hi')", "2"), ("numbytes('€')", "3")]),
    of_text!("trim", V1, "A text without white space at its beginning and its end.", |text| Value::string(text.trim().to_owned()),
        &[("trim('  h i  ')", r#""h i""#)]),
    of_text!("ltrim", V1, "A text without white space at its beginning.", |text| Value::string(text.trim_start().to_owned()),
        &[("ltrim(' h i ')", r#""h i ""#)]),
    of_text!("rtrim", V1, "A text without white space at its end.", |text| Value::string(text.trim_end().to_owned()),
        &[("rtrim(' h i ')", r#"" h i""#)]),
    of_padding!("lpad", "A text with so many spaces before it (0 to 1000).", |text, spaces| format!("{spaces}{text}"),
        &[("lpad('hello', 2)", r#""  hello""#), ("lpad(1, 3)", r#""   1""#), ("lpad('x', -1)", r#""x""#), ("lpad(null, 1)", "Undefined")]),
    of_padding!("rpad", "A text with so many spaces after it (0 to 1000).", |text, spaces| format!("{text}{spaces}"),
        &[("rpad('hello', 2)", r#""hello  ""#), ("rpad('x', 'y')", "Undefined"), ("length(rpad('', 2000))", "1000")]),
    Function {
        name: "chr",
        since: V1,
        arity: Arity::exactly(1),
        doc: "The ASCII character of a code; Undefined if there is none.",
        examples: &[("chr(65)", r#""A""#), ("chr('49')", r#""1""#), ("chr(128)", "Undefined"), ("chr(-1)", "Undefined")],
        run: Run::Values(|_, args| {
            let code = args[0].number().and_then(|code| u8::try_from(code.floor()).ok()).filter(u8::is_ascii);
            code.map_or(Value::Undefined, |code| Value::string(char::from(code).to_string()))
        }),
    },
];
