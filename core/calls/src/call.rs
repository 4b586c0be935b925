//! One action, and all there are.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::answer::bare;
use crate::cloudwatch::{CloudwatchAlarm, CloudwatchMetric};
use crate::dynamodb::{DynamoDb, DynamoDbV2};
use crate::kinesis::Kinesis;
use crate::lambda::Lambda;
use crate::logs::CloudwatchLogs;
use crate::opensearch::{Elasticsearch, OpenSearch};
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::states::StepFunctions;
use crate::timestream::Timestream;
use crate::{Context, Request};

/// A call to be made, as `TopicRulePayload` writes it (iot API reference, `Action`): `{"sqs": {"queueUrl": …, "roleArn": …}}`. Of a rule its
/// members are templates still, of a message they are not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// The state of an alarm.
    CloudwatchAlarm(CloudwatchAlarm),
    /// A line in a log stream.
    CloudwatchLogs(CloudwatchLogs),
    /// A value of a metric.
    CloudwatchMetric(CloudwatchMetric),
    /// An item with the result in one of its attributes.
    #[serde(rename = "dynamoDB")]
    DynamoDb(DynamoDb),
    /// An item that is the result.
    #[serde(rename = "dynamoDBv2")]
    DynamoDbV2(DynamoDbV2),
    /// A document of an index.
    Elasticsearch(Elasticsearch),
    /// A record of a data stream.
    Kinesis(Kinesis),
    /// An event for a function, which nobody waits for.
    Lambda(Lambda),
    /// A document of an index.
    OpenSearch(OpenSearch),
    /// A notification.
    Sns(Sns),
    /// A message in a queue.
    Sqs(Sqs),
    /// The input of a state machine.
    StepFunctions(StepFunctions),
    /// A record for each member of the result.
    Timestream(Timestream),
}

/// How people are told of an action (developer guide, "Error action message format").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// `failedAction`.
    pub action: &'static str,
    /// What was to be done.
    pub doing: &'static str,
    /// The action's name in a rule.
    pub kind: &'static str,
    /// What its resource is.
    pub resource_is: &'static str,
}

/// What each action says of itself.
pub(crate) trait Action {
    /// How people are told of it.
    const WORDS: Words;
    /// As the request is signed for.
    const SERVICE: &'static str;

    /// Queue, topic, table and the like.
    fn resource(&self) -> &str;

    /// The request, or why the result makes none.
    fn request(&self, context: &Context<'_>) -> Result<Request, String>;

    /// What could make room for the request, after it was refused with this code.
    fn remedy(&self, _code: &str, _context: &Context<'_>) -> Option<Request> {
        None
    }

    /// Whether a refusal with this code says that an earlier attempt has done it.
    fn is_done_already(&self, _code: &str) -> bool {
        false
    }

    /// What a success has left undone.
    fn check_answer(&self, _answer: &Value) -> Result<(), String> {
        Ok(())
    }
}

/// All there are; and the same of any of them.
macro_rules! all {
    ($($action:ident)*) => {
        /// Their names in a rule.
        const KINDS: &[&str] = &[$($action::WORDS.kind),*];

        macro_rules! of_each {
            ($call:expr, $one:ident => $of:expr) => {
                match $call {
                    $(Call::$action($one) => $of,)*
                }
            };
        }
    };
}

all!(CloudwatchAlarm CloudwatchLogs CloudwatchMetric DynamoDb DynamoDbV2 Elasticsearch Kinesis Lambda OpenSearch Sns Sqs StepFunctions Timestream);

const fn words<A: Action>(_: &A) -> Words {
    A::WORDS
}

const fn service<A: Action>(_: &A) -> &'static str {
    A::SERVICE
}

/// What is new for each message.
const NEW: &str = "${newuuid()}";

impl Call {
    /// Whether a rule action of this name is one of these.
    pub fn is_known(name: &str) -> bool {
        KINDS.contains(&name)
    }

    /// The members of an action as a rule has them, with those it leaves to the server: templates.
    pub fn with_given(name: &str, members: Value) -> Value {
        let mut members = without_nulls(members);
        if let Value::Object(members) = &mut members {
            match name {
                "kinesis" => drop(members.entry("partitionKey").or_insert_with(|| NEW.into())),
                "stepFunctions" => drop(members.insert("executionId".into(), NEW.into())), // never a rule's to say
                _ => {}
            }
        }
        members
    }

    /// Reads an action's members.
    ///
    /// # Errors
    /// What is missing, or is of another type than it has to be.
    pub fn read(name: &str, members: Value) -> Result<Self, String> {
        let action = Value::Object(Map::from_iter([(name.to_owned(), members)]));
        serde_json::from_value(action).map_err(|error| error.to_string())
    }

    /// How people are told of it.
    pub fn words(&self) -> Words {
        of_each!(self, action => words(action))
    }

    /// One of [`crate::SERVICES`].
    pub fn service(&self) -> &'static str {
        of_each!(self, action => service(action))
    }

    /// Queue, topic, table and the like.
    pub fn resource(&self) -> &str {
        of_each!(self, action => action.resource())
    }

    /// The function to be invoked, if that is what it is.
    pub fn function_arn(&self) -> Option<&str> {
        match self {
            Self::Lambda(lambda) => Some(lambda.resource()),
            _ => None,
        }
    }

    /// The request.
    ///
    /// # Errors
    /// Why the result makes none.
    pub fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        of_each!(self, action => action.request(context))
    }

    /// A request that may let the call succeed which was refused with this code: made first, then the call again.
    pub fn remedy(&self, code: &str, context: &Context<'_>) -> Option<Request> {
        of_each!(self, action => action.remedy(bare(code), context))
    }

    /// Whether a refusal with this code says that an earlier attempt has done it.
    pub fn is_done_already(&self, code: &str) -> bool {
        of_each!(self, action => action.is_done_already(bare(code)))
    }

    /// Looks into the answer of a success.
    ///
    /// # Errors
    /// What of the result was not taken.
    pub fn check_answer(&self, answer: &[u8]) -> Result<(), String> {
        let answer = serde_json::from_slice(answer).unwrap_or_default();
        of_each!(self, action => action.check_answer(&answer))
    }

    /// What it weighs in memory, about.
    pub fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |text| text.len())
    }
}

/// An object without the members that are null, which say as much as those that are not there.
pub fn without_nulls(mut object: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.retain(|_, value| !value.is_null());
    }
    object
}

#[cfg(test)]
mod tests;
