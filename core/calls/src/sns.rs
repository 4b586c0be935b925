//! `sns` (SNS API reference: `Publish`).
use serde::{Deserialize, Serialize};

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `sns`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sns {
    role_arn: String,
    target_arn: String,
    #[serde(default)]
    message_format: MessageFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum MessageFormat {
    #[default]
    Raw,
    /// The result says what each protocol is sent.
    Json,
}

impl Action for Sns {
    const WORDS: Words =
        Words { action: "SnsAction", doing: "publish the SNS message", kind: "sns", resource_is: "Target" };
    const SERVICE: &'static str = "sns";

    fn resource(&self) -> &str {
        &self.target_arn
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let mut parameters = vec![("TargetArn", &*self.target_arn), ("Message", context.text()?)];
        if self.message_format == MessageFormat::Json {
            parameters.push(("MessageStructure", "json"));
        }
        Ok(Request::query("Publish", "2010-03-31", &parameters))
    }
}
