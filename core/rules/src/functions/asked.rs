//! aws_lambda, get_dynamodb, get_secret: what other services answer. The role is named and not assumed.
use sekisho_calls::{KeyValue, Lookup};

use super::{Arity, Function, Run};
use crate::error::EvaluationError;
use crate::evaluate::Context;
use crate::json::{self, Kind};
use crate::question::Question;
use crate::value::Value;
use crate::{Answer, SqlVersion};

/// Of an item that `get_dynamodb` gets, in bytes (Functions: "more than 8 KB of data, the rule's action may not be invoked").
const ITEM_BYTES_MAX: usize = 8 * 1024;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "aws_lambda",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "What a Lambda function answers to an Object: `aws_lambda(function ARN, input)`. Undefined if it fails or takes longer than \
              two seconds.",
        examples: &[
            (
                r#"aws_lambda("arn:aws:lambda:us-east-1:123456789012:function:site", {"oven": 7})"#,
                r#"{"site":"north"}"#,
            ),
            (r#"aws_lambda("arn:aws:lambda:us-east-1:123456789012:function:site", {"oven": 7}).site"#, r#""north""#),
            (r#"aws_lambda("arn:aws:lambda:us-east-1:123456789012:function:site", 7)"#, "Undefined"),
            (r#"aws_lambda(7, {"oven": 7})"#, "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let [Value::String(arn), input] = args else { return Value::Undefined };
            let Some(input) = object_text(context, input) else { return Value::Undefined };
            ask(context, Question::Call(Lookup::Function { arn: arn.to_string(), input }))
        }),
    },
    Function {
        name: "get_dynamodb",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(4, 6),
        doc: "An item of a DynamoDB table: `get_dynamodb(table, partition key, its value, role)`, `get_dynamodb(table, partition key, its \
              value, sort key, its value, role)`. Keys are Strings or numbers. Undefined if there is none. It stands in a statement once.",
        examples: &[
            (r#"get_dynamodb("ovens", "id", 7, "arn:aws:iam::123456789012:role/r").site"#, r#""north""#),
            (r#"get_dynamodb("ovens", "id", 8, "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
            (r#"get_dynamodb("ovens", "id", 7, "at", "2020", "arn:aws:iam::123456789012:role/r").on"#, "true"),
            (r#"get_dynamodb("ovens", "id", true, "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
            (r#"get_dynamodb("ovens", "id", 7, "at", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let (table, keys) = match args {
                [Value::String(table), name, value, Value::String(_)] => (table, vec![(name, value)]),
                [Value::String(table), name, value, sort_name, sort_value, Value::String(_)] => {
                    (table, vec![(name, value), (sort_name, sort_value)])
                }
                _ => return Value::Undefined,
            };
            let Some(key) = keys.into_iter().map(|(name, value)| key_of(name, value)).collect() else {
                return Value::Undefined;
            };
            ask(context, Question::Call(Lookup::Item { table: table.to_string(), key }))
        }),
    },
    Function {
        name: "get_secret",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(3, 4),
        doc: "A secret of Secrets Manager: `get_secret(id, 'SecretString', role)`, `get_secret(id, 'SecretString', member, role)` for a \
              member of the Object it spells in JSON, `get_secret(id, 'SecretBinary', role)` for the base64 of it. Undefined if there is \
              none.",
        examples: &[
            (r#"get_secret("ovens", "SecretString", "user", "arn:aws:iam::123456789012:role/r")"#, r#""ovens""#),
            (r#"length(get_secret("ovens", "SecretString", "arn:aws:iam::123456789012:role/r"))"#, "16"),
            (r#"get_secret("ovens", "SecretString", "mail", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
            (r#"get_secret("ovens", "SecretBinary", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
            (r#"get_secret("ovens", "Secret", "arn:aws:iam::123456789012:role/r")"#, "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let (id, kind, member) = match args {
                [Value::String(id), Value::String(kind), Value::String(_)] => (id, kind, None),
                [Value::String(id), Value::String(kind), Value::String(member), Value::String(_)] => {
                    (id, kind, Some(&**member))
                }
                _ => return Value::Undefined,
            };
            let kind = match (&**kind, member) {
                ("SecretString", _) => "SecretString",
                ("SecretBinary", None) => "SecretBinary",
                _ => return Value::Undefined,
            };
            let secret =
                ask(context, Question::Call(Lookup::Secret { id: id.to_string() })).member(kind).read(context.version);
            let Some(member) = member else { return secret };
            let Some(text) = secret.text().filter(|text| context.takes(text.len())) else { return Value::Undefined };
            match json::check(&text) {
                Ok(json) => Value::Json(json.to_owned().into()).member(member).read(context.version),
                Err(_) => Value::Undefined,
            }
        }),
    },
];

/// What is answered.
pub(super) fn ask<'m>(context: &mut Context<'_, 'm>, question: Question) -> Value<'m> {
    let asked = context.message.known.ok_or(EvaluationError::NobodyToAsk(question.asked_by()));
    let is_item = matches!(question, Question::Call(Lookup::Item { .. }));
    let answer = asked.and_then(|known| match known.answer(&question) {
        Answer::NotYet => Err(EvaluationError::Asks(question.into())),
        Answer::Json(item) if is_item && item.len() > ITEM_BYTES_MAX => Err(EvaluationError::ItemTooLarge),
        answer => Ok(answer),
    });
    match answer {
        // It is made, printed and read for this.
        Ok(Answer::Json(answer)) if context.takes(answer.len().saturating_mul(16)) => match json::check(&answer) {
            Ok(json) => Value::Json(json.to_owned().into()).read(context.version),
            Err(_) => Value::Undefined,
        },
        Ok(_) => Value::Undefined,
        Err(error) => {
            context.failure.get_or_insert(error);
            Value::Undefined
        }
    }
}

/// An Object as JSON.
fn object_text(context: &mut Context<'_, '_>, value: &Value<'_>) -> Option<String> {
    let mut text = Vec::new();
    value.write(&mut text);
    let text = String::from_utf8(text).ok().filter(|text| context.has_room(text.len()) && !text.is_empty())?;
    (json::kind(&text) == Kind::Object).then_some(text)
}

/// A key's name and value.
fn key_of(name: &Value<'_>, value: &Value<'_>) -> Option<(String, KeyValue)> {
    let Value::String(name) = name else { return None };
    let value = match value {
        Value::String(text) => KeyValue::Text(text.to_string()),
        Value::Int(_) | Value::Decimal(_) => KeyValue::Number(value.text()?.into_owned()),
        _ => return None,
    };
    Some((name.to_string(), value))
}
