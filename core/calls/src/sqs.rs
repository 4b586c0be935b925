//! `sqs` (SQS API reference: `SendMessage`).
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `sqs`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sqs {
    role_arn: String,
    queue_url: String,
    #[serde(default)]
    use_base64: bool,
}

impl Action for Sqs {
    const WORDS: Words =
        Words { action: "SqsAction", doing: "send the SQS message", kind: "sqs", resource_is: "Queue" };
    const SERVICE: &'static str = "sqs";

    fn resource(&self) -> &str {
        &self.queue_url
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let body = match self.use_base64 {
            true => BASE64_STANDARD.encode(context.result),
            false => context.text().map_err(|why| format!("{why}, and useBase64 is not true"))?.to_owned(),
        };
        let body = json!({ "QueueUrl": self.queue_url, "MessageBody": body });
        Ok(Request::json("1.0", "AmazonSQS.SendMessage", &body))
    }
}
