//! IoT's data plane over HTTP, for callers who sign.
mod publish;
mod retained_messages;

use sekisho_sigv4::Operator;
use serde_json::Value;

use crate::{ApiError, App, parse};

/// Answers an operation.
pub(crate) async fn handle(
    app: &App,
    operator: &Operator,
    operation: &str,
    input: Value,
    trace_id: &str,
) -> Result<Value, ApiError> {
    match operation {
        "Publish" => publish::run(app, operator, parse(input)?, trace_id).await,
        "GetRetainedMessage" => retained_messages::get(app, &parse(input)?),
        "ListRetainedMessages" => retained_messages::list(app, parse(input)?),
        other => Err(ApiError::not_implemented(other)),
    }
}
