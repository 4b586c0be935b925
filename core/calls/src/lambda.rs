//! `lambda` (Lambda API reference: `Invoke`, invocation type `Event`).
use serde::{Deserialize, Serialize};

use crate::call::{Action, Words};
use crate::request::encoded;
use crate::{Context, Request};

/// `lambda`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lambda {
    function_arn: String,
}

impl Action for Lambda {
    const WORDS: Words =
        Words { action: "LambdaAction", doing: "invoke the Lambda function", kind: "lambda", resource_is: "Function" };
    const SERVICE: &'static str = "lambda";

    fn resource(&self) -> &str {
        &self.function_arn
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        context.json()?; // Lambda's events are JSON
        Ok(Request {
            method: "POST",
            path: format!("/2015-03-31/functions/{}/invocations", encoded(&self.function_arn)),
            headers: vec![("content-type", "application/json".into()), ("x-amz-invocation-type", "Event".into())],
            body: context.result.to_vec(),
        })
    }
}
