//! One expression over one message.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::Random;

use crate::functions::{Run, cast, compiled_regex};
use crate::json::{Found, JsonError};
use crate::operators::{apply, equal, not};
use crate::program::{Expression, Json, Names};
use crate::value::Value;
use crate::{EvaluationError, Message, RESULT_BYTES_MAX, SqlVersion, select};

/// What functions may ask for, and where they say that they could not go on.
pub(crate) struct Context<'e, 'm> {
    pub(crate) message: &'m Message<'m>,
    pub(crate) version: SqlVersion,
    pub(crate) random: &'e mut dyn Random,
    pub(crate) failure: Option<EvaluationError>,
}

impl<'e, 'm> Context<'e, 'm> {
    pub(crate) fn new(message: &'m Message<'m>, version: SqlVersion, random: &'e mut dyn Random) -> Self {
        Self { message, version, random, failure: None }
    }

    /// Whether a text of so many bytes may be made. If not, the evaluation fails.
    pub(crate) fn has_room(&mut self, bytes: usize) -> bool {
        let room = bytes <= RESULT_BYTES_MAX;
        if !room {
            self.failure = Some(EvaluationError::TooLarge);
        }
        room
    }
}

/// Where names are looked up: the payload, or the element a nested SELECT is at.
pub(crate) struct Scope<'m> {
    /// The bytes as they came.
    pub(crate) bytes: &'m [u8],
    /// The same as JSON, or why they are not. Not looked at unless somebody asks for JSON.
    pub(crate) json: Result<Found<'m>, JsonError>,
}

impl<'m> Scope<'m> {
    /// An empty payload has no fields; one that is not JSON is an error if it needs to be.
    pub(crate) fn of_payload(payload: &'m [u8], names: &Names) -> Result<Self, EvaluationError> {
        if names.json == Json::Ignored || payload.is_empty() {
            return Ok(Self { bytes: payload, json: Ok(Found::nothing()) });
        }
        match names.fields.find(payload) {
            Err(error) if names.json == Json::Needed => Err(EvaluationError::Parse(error)),
            json => Ok(Self { bytes: payload, json }),
        }
    }

    fn found(&self) -> Option<&Found<'m>> {
        self.json.as_ref().ok()
    }
}

/// The value of an expression, not yet read: what is only copied stays text.
pub(crate) fn evaluate<'m>(context: &mut Context<'_, 'm>, scope: &Scope<'m>, expression: &'m Expression) -> Value<'m> {
    let version = context.version;
    match expression {
        Expression::Literal(Value::String(text)) => Value::String(text.as_ref().into()),
        Expression::Literal(value) => value.clone(),
        Expression::Path(field) => match scope.found().and_then(|found| found.get(*field)) {
            Some(text) => Value::Json(text.into()),
            None => Value::Undefined,
        },
        Expression::Payload => match scope.found() {
            Some(found) if !found.text.is_empty() => Value::Json(found.text.into()),
            _ => Value::Undefined,
        },
        Expression::EncodePayload(encoding) => match read(context, scope, encoding) {
            Value::String(encoding) if encoding == "base64" && context.has_room(scope.bytes.len() / 3 * 4) => {
                Value::string(STANDARD.encode(scope.bytes))
            }
            _ => Value::Undefined,
        },
        Expression::Inside(operand, path) => {
            let operand = read(context, scope, operand);
            path.iter().fold(operand, |value, name| value.member(name))
        }
        Expression::Not(operand) => not(&read(context, scope, operand)),
        Expression::Chain(first, rest) => {
            let mut left = read(context, scope, first);
            for (operator, right) in rest {
                let right = read(context, scope, right);
                left = apply(*operator, &left, &right, version).settled(version);
                if let Value::String(text) = &left
                    && !context.has_room(text.len())
                {
                    return Value::Undefined;
                }
            }
            left
        }
        Expression::Case { operand, whens, otherwise } => {
            let operand = read(context, scope, operand);
            if operand.is_undefined() {
                return Value::Undefined;
            }
            for (when, then) in whens {
                if equal(&operand, &read(context, scope, when), version) == Some(true) {
                    return evaluate(context, scope, then);
                }
            }
            otherwise.as_ref().map_or(Value::Undefined, |otherwise| evaluate(context, scope, otherwise))
        }
        Expression::Call { function, arguments, regex } => {
            let mut few: [Value<'m>; 4] = Default::default();
            let mut many;
            let values = match few.get_mut(..arguments.len()) {
                Some(values) => values,
                None => {
                    many = vec![Value::Undefined; arguments.len()];
                    &mut many[..]
                }
            };
            for (value, argument) in values.iter_mut().zip(arguments) {
                *value = read(context, scope, argument);
            }
            let result = match function.run {
                Run::Values(run) => run(context, values),
                Run::Regex(run) => match regex {
                    Some(regex) => run(context, regex, values),
                    None => match values.get(1).and_then(|pattern| compiled_regex(&pattern.text()?).ok()) {
                        Some(regex) => run(context, &regex, values),
                        None => Value::Undefined,
                    },
                },
            };
            result.settled(version)
        }
        Expression::Cast(operand, to) => cast(&read(context, scope, operand), *to).settled(version),
        Expression::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (key.as_ref().into(), evaluate(context, scope, value))).collect(),
        ),
        Expression::Array(elements) => {
            Value::Array(elements.iter().map(|element| evaluate(context, scope, element)).collect())
        }
        Expression::Select(nested, from) => match scope.found().and_then(|found| found.get(*from)) {
            Some(text) => select::nested(context, text, nested),
            None => Value::Undefined,
        },
    }
}

/// The value of an expression for an operator or a function.
pub(crate) fn read<'m>(context: &mut Context<'_, 'm>, scope: &Scope<'m>, expression: &'m Expression) -> Value<'m> {
    evaluate(context, scope, expression).read(context.version)
}
