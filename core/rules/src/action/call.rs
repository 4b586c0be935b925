//! Actions that are one call of an AWS API: their members are filled in for each message, whichever they are.
use sekisho_calls::Call;
use sekisho_types::Random;
use serde_json::{Map, Value};

use super::members::{Members, has_secret};
use super::{ActionError, RenderError};
use crate::{Language, Message, Template};

/// What the members of one may have, filled in: no service takes more. And then: the action fails.
const CALL_BYTES_MAX: usize = 256 * 1024;

/// Any of them.
#[derive(Debug)]
pub struct CallAction {
    /// As the rule has it.
    call: Call,
    members: Filled,
    /// One of them: what is wrong with them is not told in their words.
    has_secret: bool,
}

/// JSON whose texts may be templates.
#[derive(Debug)]
enum Filled {
    As(Value),
    Template {
        /// Such as `sqs.queueUrl`.
        place: Box<str>,
        template: Template,
    },
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl CallAction {
    pub(super) fn parse(members: &Members<'_>) -> Result<Self, ActionError> {
        let given = Call::with_given(members.of, members.members.clone());
        let call = Call::read(members.of, given.clone()).map_err(|error| members.invalid(error))?;
        let filled = Filled::compile(given, members.of, members.language)?;
        let has_secret = filled.has_secret();
        Ok(Self { call, members: filled, has_secret })
    }

    /// As the rule has it: templates stand where a message will fill them in.
    pub const fn as_written(&self) -> &Call {
        &self.call
    }

    /// The call for a message.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Call, RenderError> {
        let members = self.members.fill(message, random)?;
        let call = Call::read(self.call.words().kind, members).map_err(|problem| match self.has_secret {
            true => RenderError::Call("a member with a secret is not what belongs there".into()),
            false => RenderError::Call(problem),
        })?;
        match call.bytes() <= CALL_BYTES_MAX {
            true => Ok(call),
            false => Err(RenderError::Call(format!("its members have more than {CALL_BYTES_MAX} bytes"))),
        }
    }
}

impl Filled {
    fn compile(value: Value, place: &str, language: Language<'_>) -> Result<Self, ActionError> {
        let at = |name: &dyn std::fmt::Display| format!("{place}.{name}");
        Ok(match value {
            Value::String(text) => {
                let refused = |error| ActionError::Template { place: place.to_owned(), error };
                let template = Template::compile(&text, language).map_err(refused)?;
                match template.as_text() {
                    Some(_) => Self::As(Value::String(text)),
                    None => Self::Template { place: place.into(), template },
                }
            }
            Value::Array(values) => {
                let values = values.into_iter().enumerate();
                let values = values.map(|(number, value)| Self::compile(value, &at(&number), language));
                Self::Array(values.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let compiled = members.into_iter().map(|(name, value)| {
                    let value = Self::compile(value, &at(&name), language)?;
                    Ok((name, value))
                });
                Self::Object(compiled.collect::<Result<_, ActionError>>()?)
            }
            other => Self::As(other),
        })
    }

    fn has_secret(&self) -> bool {
        match self {
            Self::As(_) => false,
            Self::Template { template, .. } => has_secret(template),
            Self::Array(values) => values.iter().any(Self::has_secret),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_secret()),
        }
    }

    fn fill(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Value, RenderError> {
        Ok(match self {
            Self::As(value) => value.clone(),
            Self::Template { place, template } => template
                .evaluate(message, random)
                .map_err(|error| RenderError::Template { place: place.clone(), error })?
                .into(),
            Self::Array(values) => {
                let mut filled = Vec::with_capacity(values.len());
                for value in values {
                    filled.push(value.fill(message, random)?);
                }
                Value::Array(filled)
            }
            Self::Object(members) => {
                let mut filled = Map::with_capacity(members.len());
                for (name, value) in members {
                    filled.insert(name.clone(), value.fill(message, random)?);
                }
                Value::Object(filled)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Action;
    use crate::SqlVersion;

    fn render(action: &Value) -> Result<Value, String> {
        let action = Action::parse(action, SqlVersion::V2016_03_23).map_err(|error| error.to_string())?;
        let Action::Call(call) = &action else { panic!("a call") };
        let payload = br#"{"id":"a","n":7}"#;
        let message = Message { topic: "factory/oven-7", payload, ..Message::default() };
        let call = call.render(&message, &mut |bytes: &mut [u8]| bytes.fill(7)).map_err(|error| error.to_string())?;
        Ok(serde_json::to_value(call).unwrap())
    }

    #[test]
    fn what_is_called() {
        #[rustfmt::skip] // action                                                                                  call, or why not
        let table = [
            (json!({"sqs": {"queueUrl": "q-${topic(2)}", "roleArn": "r"}}),                                         Ok(json!({"sqs": {"roleArn": "r", "queueUrl": "q-oven-7", "useBase64": false}}))),
            (json!({"kinesis": {"streamName": "s", "roleArn": "r"}}),                                               Ok(json!({"kinesis": {"roleArn": "r", "streamName": "s", "partitionKey": "07070707-0707-4707-8707-070707070707"}}))),
            (json!({"dynamoDBv2": {"putItem": {"tableName": "t${n}"}, "roleArn": "r"}}),                            Ok(json!({"dynamoDBv2": {"roleArn": "r", "putItem": {"tableName": "t7"}}}))),
            (json!({"timestream": {"databaseName": "d", "tableName": "t", "roleArn": "r", "dimensions": [{"name": "${id}", "value": "${nothing}"}]}}), Ok(json!({"timestream": {"roleArn": "r", "databaseName": "d", "tableName": "t", "dimensions": [{"name": "a", "value": ""}]}}))),
            (json!({"sqs": {"roleArn": "r"}}),                                                                      Err("sqs: missing field `queueUrl`")),
            (json!({"sqs": null, "sns": {"targetArn": "${", "roleArn": "r"}}),                                      Err("sns.targetArn: line 1, column 3: expected an expression, found the end")),
        ];
        for (action, expected) in table {
            assert_eq!(render(&action), expected.map_err(str::to_owned), "{action}");
        }
    }
}
