//! IoT's data plane over HTTP, for callers who sign.
mod publish;

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
        other => Err(ApiError::not_implemented(other)),
    }
}
