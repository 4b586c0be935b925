//! One expression over one message.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::Random;

use crate::functions::{MESSAGE_PATTERN_BYTES_MAX, Run, cast, compiled_regex};
use crate::json::{Found, JsonError};
use crate::operators::{apply, equal, not};
use crate::program::{Expression, Json, Names};
use crate::value::Value;
use crate::{EvaluationError, Message, RESULT_BYTES_MAX, STEPS_MAX, SqlVersion, select};

/// What an operation costs beside the bytes it looks at.
pub(crate) const OPERATION_STEPS: usize = 16;

/// What functions may ask for, and where they say that they could not go on.
pub(crate) struct Context<'e, 'm> {
    pub(crate) message: &'m Message<'m>,
    pub(crate) version: SqlVersion,
    pub(crate) random: &'e mut dyn Random,
    pub(crate) failure: Option<EvaluationError>,
    /// What SET made.
    variables: &'e [Value<'m>],
    steps: usize,
}

impl<'e, 'm> Context<'e, 'm> {
    pub(crate) fn new(message: &'m Message<'m>, version: SqlVersion, random: &'e mut dyn Random) -> Self {
        Self { message, version, random, failure: None, variables: &[], steps: 0 }
    }

    /// Runs something with these variables.
    pub(crate) fn with<'s, T>(&mut self, variables: &[Value<'s>], run: impl FnOnce(&mut Context<'_, 's>) -> T) -> T
    where
        'm: 's,
    {
        let (message, version, failure) = (self.message, self.version, self.failure.take());
        let mut inner = Context { message, version, random: &mut *self.random, failure, variables, steps: self.steps };
        let result = run(&mut inner);
        (self.failure, self.steps) = (inner.failure, inner.steps);
        result
    }

    /// Runs something over values that do not live as long as the message.
    pub(crate) fn for_a_while<'s, T>(&mut self, run: impl FnOnce(&mut Context<'_, 's>) -> T) -> T
    where
        'm: 's,
        'e: 's,
    {
        let variables: &[Value<'s>] = self.variables;
        self.with(variables, run)
    }

    /// Whether a text of so many bytes may be made. If not, the evaluation fails.
    pub(crate) fn has_room(&mut self, bytes: usize) -> bool {
        let room = bytes <= RESULT_BYTES_MAX;
        if !room {
            self.failure = Some(EvaluationError::TooLarge);
        }
        room
    }

    /// Whether so many steps may be taken. If not, or if it has failed already, the evaluation fails.
    pub(crate) fn takes(&mut self, steps: usize) -> bool {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > STEPS_MAX && self.failure.is_none() {
            self.failure = Some(EvaluationError::TooLong);
        }
        self.failure.is_none()
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
    if !context.takes(OPERATION_STEPS) {
        return Value::Undefined;
    }
    match expression {
        Expression::Literal(Value::String(text)) => Value::String(text.as_ref().into()),
        Expression::Literal(value) => value.clone(),
        Expression::Path(field) => match scope.found().and_then(|found| found.get(*field)) {
            Some(text) => Value::Json(text.into()),
            None => Value::Undefined,
        },
        Expression::Variable(index) => match context.variables.get(*index) {
            Some(value) if context.takes(value.weight()) => value.clone(),
            _ => Value::Undefined,
        },
        Expression::Payload => match scope.found() {
            Some(found) if !found.text.is_empty() => Value::Json(found.text.into()),
            _ => Value::Undefined,
        },
        Expression::EncodePayload(encoding) => match read(context, scope, encoding) {
            Value::String(encoding)
                if encoding == "base64"
                    && context.has_room(scope.bytes.len() / 3 * 4)
                    && context.takes(scope.bytes.len()) =>
            {
                Value::string(STANDARD.encode(scope.bytes))
            }
            _ => Value::Undefined,
        },
        Expression::Inside(operand, path) => {
            let operand = read(context, scope, operand);
            if !context.takes(operand.weight()) {
                return Value::Undefined;
            }
            path.iter().fold(operand, |value, name| value.member(name))
        }
        Expression::Not(operand) => not(&read(context, scope, operand)),
        Expression::Chain(first, rest) => {
            let mut left = read(context, scope, first);
            for (operator, right) in rest {
                let right = read(context, scope, right);
                left = apply(context, *operator, &left, &right).settled(version);
                if let Value::String(text) = &left
                    && (!context.has_room(text.len()) || !context.takes(text.len()))
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
                let when = read(context, scope, when);
                if equal(context, &operand, &when) == Some(true) {
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
            if !context.takes(values.iter().map(Value::weight).sum()) {
                return Value::Undefined;
            }
            let result = match function.run {
                Run::Values(run) => run(context, values),
                Run::Regex(run) => match regex {
                    Some(regex) => run(context, regex, values),
                    None => match compiled_from(context, values.get(1)) {
                        Some(regex) => run(context, &regex, values),
                        None => Value::Undefined,
                    },
                },
            };
            result.settled(version)
        }
        Expression::Cast(operand, to) => cast(&read(context, scope, operand), *to).settled(version),
        Expression::Object(members) => Value::Object(
            members.iter().map(|(key, value)| (key.as_ref().into(), part(context, scope, value))).collect(),
        ),
        Expression::Array(elements) => {
            Value::Array(elements.iter().map(|element| part(context, scope, element)).collect())
        }
        Expression::Select(nested, from) => {
            let from = evaluate(context, scope, from);
            select::nested(context, from, nested)
        }
        Expression::Exists(nested, from) => {
            let from = evaluate(context, scope, from);
            Value::Boolean(select::exists(context, from, nested))
        }
    }
}

/// A value that becomes a part of another one. A few characters of a statement name the same long text many times, so what has
/// been put together is never heavier than the steps that have been taken.
pub(crate) fn part<'m>(context: &mut Context<'_, 'm>, scope: &Scope<'m>, expression: &'m Expression) -> Value<'m> {
    let value = evaluate(context, scope, expression);
    if context.takes(value.weight()) { value } else { Value::Undefined }
}

/// The regular expression that a message brings. Compiling it costs more than a long text does.
fn compiled_from(context: &mut Context<'_, '_>, pattern: Option<&Value<'_>>) -> Option<regex::Regex> {
    let pattern = pattern?.text()?;
    if context.takes(STEPS_MAX / 256) { compiled_regex(&pattern, MESSAGE_PATTERN_BYTES_MAX).ok() } else { None }
}

/// The value of an expression for an operator or a function.
pub(crate) fn read<'m>(context: &mut Context<'_, 'm>, scope: &Scope<'m>, expression: &'m Expression) -> Value<'m> {
    evaluate(context, scope, expression).read(context.version)
}
