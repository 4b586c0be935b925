//! substring, indexof, startswith, endswith, replace: parts of texts.
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::{Value, int};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "substring",
        since: SqlVersion::V2015_10_08,
        arity: Arity::between(2, 3),
        doc: "The characters of a text from an index (0 is the first) up to, but not including, another or the end.",
        examples: &[
            ("substring('012345', 0)", r#""012345""#),
            ("substring('012345', 2)", r#""2345""#),
            ("substring('012345', 2.745)", r#""2345""#),
            ("substring('012345', -50, 50)", r#""012345""#),
            ("substring('012345', 3, 1)", r#""""#),
            ("substring(true, 1.2)", r#""rue""#),
            ("substring(false, -2.411E247)", r#""false""#),
            ("substring(null, 1)", "Undefined"),
            ("substring('012345', 'x')", "Undefined"),
        ],
        run: Run::Values(|_, args| {
            let position =
                |value: &Value<'_>| Some(usize::try_from(value.number()?.floor().max(0)).unwrap_or(usize::MAX));
            let (Some(text), Some(from)) = (args[0].text(), position(&args[1])) else { return Value::Undefined };
            let to = match args.get(2).map(position) {
                None => usize::MAX,
                Some(Some(to)) => to,
                Some(None) => return Value::Undefined,
            };
            Value::string(text.chars().skip(from).take(to.saturating_sub(from)).collect::<String>())
        }),
    },
    Function {
        name: "indexof",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(2),
        doc: "The index of the first character where the second text is found in the first (0 is the first), or -1.",
        examples: &[
            ("indexof('abcd', 'bc')", "1"),
            ("indexof('€bcd', 'bc')", "1"),
            ("indexof('abcd', 'x')", "-1"),
            ("indexof(missing, 'x')", "Undefined"),
        ],
        run: Run::Values(|_, args| match (args[0].text(), args[1].text()) {
            (Some(text), Some(part)) => int(text.find(&*part).map_or(-1, |at| text[..at].chars().count() as i128)),
            _ => Value::Undefined,
        }),
    },
    Function {
        name: "startswith",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "Whether the first text begins with the second.",
        examples: &[
            ("startswith('ranger', 'ran')", "true"),
            ("startswith(15, 1)", "true"),
            ("startswith('a', null)", "Undefined"),
        ],
        run: Run::Values(|_, args| match (args[0].text(), args[1].text()) {
            (Some(text), Some(part)) => Value::Boolean(text.starts_with(&*part)),
            _ => Value::Undefined,
        }),
    },
    Function {
        name: "endswith",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "Whether the first text ends with the second.",
        examples: &[
            ("endswith('cat', 'at')", "true"),
            ("endswith('cat', 'ca')", "false"),
            ("endswith(missing, 'a')", "Undefined"),
        ],
        run: Run::Values(|_, args| match (args[0].text(), args[1].text()) {
            (Some(text), Some(part)) => Value::Boolean(text.ends_with(&*part)),
            _ => Value::Undefined,
        }),
    },
    Function {
        name: "replace",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(3),
        doc: "The first text, with the third in place of each second.",
        examples: &[
            ("replace('abcd', 'bc', 'x')", r#""axd""#),
            ("replace('abcdabcd', 'b', 'x')", r#""axcdaxcd""#),
            ("replace('abcd', 'x', missing)", "Undefined"),
        ],
        run: Run::Values(|context, args| match (args[0].text(), args[1].text(), args[2].text()) {
            (Some(text), Some(old), Some(new)) => {
                let places = text.matches(&*old).count();
                if context.has_room(text.len().saturating_add(places.saturating_mul(new.len()))) {
                    Value::string(text.replace(&*old, &new))
                } else {
                    Value::Undefined
                }
            }
            _ => Value::Undefined,
        }),
    },
];
