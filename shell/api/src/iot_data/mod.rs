//! IoT's data plane over HTTP, for callers who sign: publish, retained messages, device shadows, connections.
mod delete_connection;
mod publish;
mod retained_messages;
mod shadows;

use sekisho_sigv4::Operator;
use sekisho_workers::BadToken;
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
        "ListRetainedMessages" => retained_messages::list(app, &parse(input)?),
        "GetThingShadow" => shadows::get(app, parse(input)?),
        "UpdateThingShadow" => shadows::update(app, operator, parse(input)?),
        "DeleteThingShadow" => shadows::delete(app, operator, parse(input)?),
        "DeleteConnection" => delete_connection::run(app, operator, parse(input)?),
        "ListNamedShadowsForThing" => shadows::list(app, &parse(input)?),
        other => Err(ApiError::not_implemented(other)),
    }
}

fn bad_token(error: BadToken) -> ApiError {
    ApiError::new(400, "InvalidRequestException", error.to_string())
}
