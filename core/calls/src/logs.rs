//! `cloudwatchLogs` (CloudWatch Logs API reference: `PutLogEvents`, `CreateLogStream`).
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `cloudwatchLogs`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudwatchLogs {
    role_arn: String,
    log_group_name: String,
    /// The result is an array, each of its objects a line with its `timestamp` and `message`.
    #[serde(default)]
    batch_mode: bool,
}

/// A line, as the service and a result in batch mode write it.
#[derive(Serialize, Deserialize)]
struct LogEvent {
    /// Milliseconds since 1970.
    timestamp: i64,
    message: String,
}

impl CloudwatchLogs {
    fn events(&self, context: &Context<'_>) -> Result<Vec<LogEvent>, String> {
        if !self.batch_mode {
            return Ok(vec![LogEvent { timestamp: context.received.millis(), message: context.text()?.to_owned() }]);
        }
        let mut events: Vec<LogEvent> = serde_json::from_slice(context.result).map_err(|error| {
            format!(
                "the result is not an array of objects with `timestamp` and `message`, as batchMode wants it: {error}"
            )
        })?;
        events.sort_by_key(|event| event.timestamp); // else the service refuses them all
        Ok(events)
    }
}

impl Action for CloudwatchLogs {
    const WORDS: Words = Words {
        action: "CloudwatchLogsAction",
        doing: "put the log events",
        kind: "cloudwatchLogs",
        resource_is: "LogGroup",
    };
    const SERVICE: &'static str = "logs";

    fn resource(&self) -> &str {
        &self.log_group_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let events = self.events(context)?;
        let body = json!({ "logGroupName": self.log_group_name, "logStreamName": context.rule, "logEvents": events });
        Ok(Request::json("1.1", "Logs_20140328.PutLogEvents", &body))
    }

    /// A rule's stream is made when it is first needed.
    fn remedy(&self, code: &str, context: &Context<'_>) -> Option<Request> {
        let body = json!({ "logGroupName": self.log_group_name, "logStreamName": context.rule });
        (code == "ResourceNotFoundException").then(|| Request::json("1.1", "Logs_20140328.CreateLogStream", &body))
    }

    fn check_answer(&self, answer: &Value) -> Result<(), String> {
        match answer.get("rejectedLogEventsInfo").and_then(Value::as_object).filter(|rejected| !rejected.is_empty()) {
            Some(rejected) => Err(format!("log events were rejected: {}", Value::Object(rejected.clone()))),
            None => Ok(()),
        }
    }
}
