//! What a rule does with a message it selected (developer guide, "AWS IoT rule actions").
//!
//! An action that is not offered is refused when the rule is made, by name: a stored rule does what it says.
use sekisho_types::DeliveryStreamName;
use serde_json::Value;

/// Actions AWS has. Those with a variant in [`Action`] are offered.
const KNOWN: &[&str] = &[
    "cloudwatchAlarm",
    "cloudwatchLogs",
    "cloudwatchMetric",
    "dynamoDB",
    "dynamoDBv2",
    "elasticsearch",
    "firehose",
    "http",
    "iotAnalytics",
    "iotEvents",
    "iotSiteWise",
    "kafka",
    "kinesis",
    "lambda",
    "location",
    "openSearch",
    "republish",
    "s3",
    "salesforce",
    "sns",
    "sqs",
    "stepFunctions",
    "timestream",
];

/// One action of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A record for a delivery stream.
    Firehose(FirehoseAction),
}

/// `firehose`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirehoseAction {
    /// `deliveryStreamName`
    pub delivery_stream_name: DeliveryStreamName,
    /// `separator`: stands behind each record; empty if absent.
    pub separator: &'static str,
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
}

impl Action {
    /// Reads the `actions` of a `topicRulePayload`.
    ///
    /// # Errors
    /// [`ActionError`] for the first that cannot be taken.
    pub fn parse_all(actions: &[Value]) -> Result<Vec<Self>, ActionError> {
        actions.iter().map(Self::parse).collect()
    }

    /// Reads one action: an object with one member, named for the action.
    ///
    /// # Errors
    /// [`ActionError`].
    pub fn parse(action: &Value) -> Result<Self, ActionError> {
        let members: Vec<(&String, &Value)> =
            action.as_object().into_iter().flatten().filter(|(_, v)| !v.is_null()).collect();
        match members.as_slice() {
            [(name, value)] if *name == "firehose" => FirehoseAction::parse(value).map(Self::Firehose),
            [(name, _)] if KNOWN.contains(&name.as_str()) => Err(ActionError::NotOffered((*name).clone())),
            [(name, _)] => Err(ActionError::Invalid(format!("`{name}` is not a rule action"))),
            _ => Err(ActionError::Invalid("an action is an object with one member, named for the action".into())),
        }
    }
}

impl FirehoseAction {
    fn parse(value: &Value) -> Result<Self, ActionError> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let invalid = |message: String| ActionError::Invalid(format!("firehose: {message}"));
        let stream = text("deliveryStreamName").ok_or_else(|| invalid("deliveryStreamName is required".into()))?;
        text("roleArn").ok_or_else(|| invalid("roleArn is required".into()))?;
        if value.get("batchMode").and_then(Value::as_bool) == Some(true) {
            return Err(ActionError::NotOffered("firehose with batchMode".into()));
        }
        let separator = match text("separator") {
            None => "",
            Some("\n") => "\n",
            Some("\t") => "\t",
            Some("\r\n") => "\r\n",
            Some(",") => ",",
            Some(_) => return Err(invalid("separator is one of \\n, \\t, \\r\\n and a comma".into())),
        };
        let delivery_stream_name = DeliveryStreamName::parse(stream).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { delivery_stream_name, separator })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn actions_are_taken_or_refused_by_name() {
        #[rustfmt::skip] // action                                                                       refusal
        let table = [
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r", "separator": "\n"}}),        None),
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r"}, "s3": null}),               None),
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r", "separator": ";"}}),         Some("firehose: separator is one of \\n, \\t, \\r\\n and a comma")),
            (json!({"firehose": {"roleArn": "r"}}),                                                      Some("firehose: deliveryStreamName is required")),
            (json!({"firehose": {"deliveryStreamName": "s", "roleArn": "r", "batchMode": true}}),        Some("the rule action `firehose with batchMode` is not offered by this server yet")),
            (json!({"lambda": {"functionArn": "f"}}),                                                    Some("the rule action `lambda` is not offered by this server yet")),
            (json!({"teleport": {}}),                                                                    Some("`teleport` is not a rule action")),
            (json!({}),                                                                                  Some("an action is an object with one member, named for the action")),
            (json!(7),                                                                                   Some("an action is an object with one member, named for the action")),
        ];
        for (action, refusal) in table {
            assert_eq!(Action::parse(&action).err().map(|error| error.to_string()).as_deref(), refusal, "{action}");
        }
    }
}
