//! `kinesis` (Kinesis Data Streams API reference: `PutRecord`).
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `kinesis`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kinesis {
    role_arn: String,
    stream_name: String,
    /// A new one for each message, without.
    partition_key: String,
}

impl Action for Kinesis {
    const WORDS: Words =
        Words { action: "KinesisAction", doing: "put the Kinesis record", kind: "kinesis", resource_is: "Stream" };
    const SERVICE: &'static str = "kinesis";

    fn resource(&self) -> &str {
        &self.stream_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let data = BASE64_STANDARD.encode(context.result);
        let body = json!({ "StreamName": self.stream_name, "PartitionKey": self.partition_key, "Data": data });
        Ok(Request::json("1.1", "Kinesis_20131202.PutRecord", &body))
    }
}
