//! What a rule does with a message it selected (developer guide, "AWS IoT rule actions").
//!
//! An action that is not offered is refused when the rule is made, by name: a stored rule does what it says. Texts that may hold
//! templates are compiled once and filled in for each message; what is wrong with them only then is told as the action's failure.
mod call;
mod firehose;
mod http;
mod kafka;
mod members;
mod republish;
mod s3;

use sekisho_calls::Call;
use sekisho_types::Random;
use serde_json::Value;

pub use self::call::CallAction;
pub use self::firehose::{FirehoseAction, Put};
pub use self::http::HttpAction;
pub use self::kafka::KafkaAction;
use self::members::Members;
pub use self::republish::{Headers, Republication, RepublishAction};
pub use self::s3::{NewObject, S3Action};
use crate::{Asks, EvaluationError, Language, Message, Question, SqlError, Template};

/// Actions AWS has, and that are not offered.
const NOT_OFFERED: &[&str] = &["iotAnalytics", "iotEvents", "iotSiteWise", "location", "salesforce"];

/// One action of a rule.
#[derive(Debug)]
pub enum Action {
    /// A call of an AWS API.
    Call(Box<CallAction>),
    /// A record for a delivery stream.
    Firehose(FirehoseAction),
    /// A request to an endpoint of somebody's.
    Http(Box<HttpAction>),
    /// A record for a topic of Kafka's.
    Kafka(Box<KafkaAction>),
    /// The result as a message on another topic.
    Republish(Box<RepublishAction>),
    /// An object in a bucket.
    S3(S3Action),
}

/// Why an action cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// Known to AWS, and not offered here.
    #[error("the rule action `{0}` is not offered by this server yet")]
    NotOffered(String),
    /// Not an action, or with members that are not its.
    #[error("{0}")]
    Invalid(String),
    /// A member is no substitution template.
    #[error("{place}: {error}")]
    Template {
        /// The action and its member, such as `s3.key`.
        place: String,
        /// What is wrong, and where.
        error: SqlError,
    },
}

/// Why an action cannot be done for a message, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A template could not be evaluated.
    #[error("{place} cannot be made of this message: {error}")]
    Template {
        /// The action's member.
        place: Box<str>,
        /// Why.
        error: EvaluationError,
    },
    /// What its template made is not what belongs there.
    #[error("`{value}` is no {place}: {problem}")]
    Value {
        /// The action's member.
        place: &'static str,
        /// What stood there, not more than begins a line.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What its templates made is no such call.
    #[error("the call cannot be made of this message: {0}")]
    Call(String),
}

impl Action {
    /// Reads the `actions` of a `topicRulePayload`.
    ///
    /// # Errors
    /// [`ActionError`] for the first that cannot be taken.
    pub fn parse_all<'a>(actions: &[Value], language: impl Into<Language<'a>>) -> Result<Vec<Self>, ActionError> {
        let language = language.into();
        actions.iter().map(|action| Self::parse(action, language)).collect()
    }

    /// Reads one action: an object with one member, named for the action.
    ///
    /// # Errors
    /// [`ActionError`].
    pub fn parse<'a>(action: &Value, language: impl Into<Language<'a>>) -> Result<Self, ActionError> {
        let members: Vec<(&String, &Value)> =
            action.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()).collect();
        let [(name, members)] = members.as_slice() else {
            return Err(ActionError::Invalid("an action is an object with one member, named for the action".into()));
        };
        let members = Members { of: name, members, language: language.into() };
        match name.as_str() {
            "firehose" => FirehoseAction::parse(&members).map(Self::Firehose),
            "http" => HttpAction::parse(&members).map(|action| Self::Http(action.into())),
            "kafka" => KafkaAction::parse(&members).map(|action| Self::Kafka(action.into())),
            "republish" => RepublishAction::parse(&members).map(|action| Self::Republish(action.into())),
            "s3" => S3Action::parse(&members).map(Self::S3),
            call if Call::is_known(call) => CallAction::parse(&members).map(|action| Self::Call(action.into())),
            known if NOT_OFFERED.contains(&known) => Err(ActionError::NotOffered(known.into())),
            _ => Err(ActionError::Invalid(format!("`{name}` is not a rule action"))),
        }
    }

    /// Reads the `errorAction` of a `topicRulePayload`.
    ///
    /// # Errors
    /// [`ActionError`]. What others would have to be asked for is one (developer guide, "Error handling (error action)": functions that are
    /// not supported).
    pub fn parse_error_action<'a>(action: &Value, language: impl Into<Language<'a>>) -> Result<Self, ActionError> {
        let language = language.into();
        let mut rendered = action.clone();
        if let Some(kafka) = rendered.get_mut("kafka").and_then(Value::as_object_mut) {
            kafka.remove("clientProperties"); // filled in when a record is sent, which may take its time
        }
        match Self::asks(&rendered, language).iter().find(|asks| asks.waits || asks.function == "get_thing_shadow") {
            Some(Asks { function, .. }) => {
                Err(ActionError::Invalid(format!("`{function}` is not supported in an error action")))
            }
            None => Self::parse(action, language),
        }
    }

    /// The functions in an action's templates that ask more than the message.
    pub fn asks<'a>(action: &Value, language: impl Into<Language<'a>>) -> Vec<Asks> {
        let language = language.into();
        match action {
            Value::String(text) if text.contains("${") => {
                Template::compile(text, language).map_or_else(|_| Vec::new(), |template| template.asks().to_vec())
            }
            Value::Array(values) => values.iter().flat_map(|value| Self::asks(value, language)).collect(),
            Value::Object(members) => members.values().flat_map(|value| Self::asks(value, language)).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether an action's templates name what SET made; it may seem so where they do not.
    pub fn names_variables(action: &Value) -> bool {
        match action {
            Value::String(text) => text.find("${").is_some_and(|at| text[at..].contains('@')),
            Value::Array(values) => values.iter().any(Self::names_variables),
            Value::Object(members) => members.values().any(Self::names_variables),
            _ => false,
        }
    }

    /// What has to be asked before the action can be done for a message.
    pub fn question(&self, message: &Message<'_>, random: &mut dyn Random) -> Option<Box<Question>> {
        let rendered = match self {
            Self::Call(call) => call.render(message, random).map(drop),
            Self::Firehose(firehose) => firehose.render(message, random).map(drop),
            Self::Http(http) => http.render(message, random).map(drop),
            Self::Kafka(kafka) => kafka.render(message, random).map(drop),
            Self::Republish(republish) => republish.render(message, random).map(drop),
            Self::S3(s3) => s3.render(message, random).map(drop),
        };
        match rendered {
            Err(RenderError::Template { error: EvaluationError::Asks(question), .. }) => Some(question),
            _ => None,
        }
    }

    /// What error actions and figures call it (developer guide, "Error handling (error action)").
    pub fn name(&self) -> &'static str {
        match self {
            Self::Call(call) => call.as_written().words().action,
            Self::Firehose(_) => "FirehoseAction",
            Self::Http(_) => "HttpAction",
            Self::Kafka(_) => "KafkaAction",
            Self::Republish(_) => "RepublishAction",
            Self::S3(_) => "S3Action",
        }
    }

    /// Its stream, topic, bucket or queue, as the rule has it.
    pub fn resource(&self) -> &str {
        match self {
            Self::Call(call) => call.as_written().resource(),
            Self::Firehose(firehose) => firehose.delivery_stream_name.text(),
            Self::Http(http) => http.url.text(),
            Self::Kafka(kafka) => kafka.topic.text(),
            Self::Republish(republish) => republish.topic.text(),
            Self::S3(s3) => s3.bucket_name.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::SqlVersion;

    fn refusal(action: &Value) -> Option<String> {
        Action::parse(action, SqlVersion::V2016_03_23).err().map(|error| error.to_string())
    }

    #[test]
    fn actions_are_taken_or_refused_by_name() {
        #[rustfmt::skip] // action                                                                       refusal
        let table = [
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r", "separator": "\n"}}),        None),
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r"}, "s3": null}),               None),
            (json!({"firehose": {"deliveryStreamName": "${topic(1)}", "roleArn": "r"}}),                 None),
            (json!({"firehose": {"deliveryStreamName": "a b", "roleArn": "r"}}),                         Some("firehose: `a b` is no deliveryStreamName: 1 to 64 of a-z A-Z 0-9 _ . -")),
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r", "separator": ";"}}),         Some("firehose: separator is one of \\n, \\t, \\r\\n and a comma")),
            (json!({"firehose": {"roleArn": "r"}}),                                                      Some("firehose: deliveryStreamName is required")),
            (json!({"firehose": {"deliveryStreamName": "s"}}),                                           Some("firehose: roleArn is required")),
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r", "batchMode": true}}),        None),
            (json!({"lambda": {"functionArn": "f"}}),                                                    None),
            (json!({"kafka": {"topic": "t"}}),                                                           Some("kafka: clientProperties is required")),
            (json!({"iotEvents": {"inputName": "t"}}),                                                   Some("the rule action `iotEvents` is not offered by this server yet")),
            (json!({"teleport": {}}),                                                                    Some("`teleport` is not a rule action")),
            (json!({}),                                                                                  Some("an action is an object with one member, named for the action")),
            (json!(7),                                                                                   Some("an action is an object with one member, named for the action")),
            (json!({"republish": {"topic": "a", "roleArn": "r"}, "s3": {}}),                             Some("an action is an object with one member, named for the action")),
        ];
        for (action, expected) in table {
            assert_eq!(refusal(&action).as_deref(), expected, "{action}");
        }
    }

    #[test]
    fn a_template_is_refused_with_its_place() {
        let action = json!({"s3": {"bucketName": "lake", "key": "a/${topic(}", "roleArn": "r"}});
        assert_eq!(refusal(&action).as_deref(), Some("s3.key: line 1, column 11: expected an expression, found `}`"));
    }

    /// Whatever an operator writes and a device sends: it is refused, or fails, or is done.
    #[test]
    fn nothing_that_is_written_or_sent_panics() {
        bolero::check!().with_type::<(String, Vec<u8>)>().for_each(|(text, payload)| {
            let actions = [
                json!({"firehose": {"deliveryStreamName": text, "separator": text, "roleArn": "r"}}),
                json!({"s3": {"bucketName": "lake", "key": text, "roleArn": "r"}}),
                json!({"timestream": {"databaseName": text, "tableName": "t", "roleArn": "r", "dimensions": [{"name": text, "value": text}]}}),
                json!({"http": {"url": format!("https://a/${{{text}}}"), "confirmationUrl": "https://a", "headers": [{"key": "k", "value": text}]}}),
                json!({"kafka": {"destinationArn": "d", "topic": text, "key": text, "partition": text, "headers": [{"key": text, "value": text}],
                    "clientProperties": {"bootstrap.servers": text, "ssl.truststore": text}}}),
                json!({"republish": {"topic": text, "roleArn": "r", "headers": {"messageExpiry": text}}}),
                json!({"republish": {"topic": format!("a/${{{text}}}"), "roleArn": "r", "headers": {
                    "responseTopic": text, "correlationData": text, "userProperties": [{"key": text, "value": text}]}}}),
            ];
            let message = crate::Message { topic: "a/b", payload, ..crate::Message::default() };
            for action in actions {
                let random = &mut |_: &mut [u8]| {};
                match Action::parse(&action, SqlVersion::V2016_03_23) {
                    Ok(Action::Call(call)) => drop(call.render(&message, random)),
                    Ok(Action::Firehose(firehose)) => drop(firehose.render(&message, random)),
                    Ok(Action::Http(http)) => drop(http.render(&message, random)),
                    Ok(Action::Kafka(kafka)) => drop(kafka.render(&message, random)),
                    Ok(Action::Republish(republish)) => drop(republish.render(&message, random)),
                    Ok(Action::S3(s3)) => drop(s3.render(&message, random)),
                    Err(error) => drop(error.to_string()),
                }
            }
        });
    }

    #[test]
    fn an_action_says_what_it_is_about() {
        for (action, name, resource) in [
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r"}}), "FirehoseAction", "s"),
            (
                json!({"republish": {"topic": "$$aws/things/${clientid()}/shadow/update", "roleArn": "r"}}),
                "RepublishAction",
                "$aws/things/${clientid()}/shadow/update",
            ),
            (json!({"s3": {"bucketName": "lake", "key": "k", "roleArn": "r"}}), "S3Action", "lake"),
        ] {
            let action = Action::parse(&action, SqlVersion::default()).unwrap();
            assert_eq!((action.name(), action.resource()), (name, resource));
        }
    }
}
