//! IoT's data plane over HTTP, for callers who sign: publish, retained messages, device shadows, connections.
mod delete_connection;
mod publish;
mod retained_messages;
mod shadows;

use sekisho_policy::{Action, Permit};
use sekisho_workers::{BadToken, Caller, authorize_data};
use serde_json::Value;

use crate::{ApiError, App, parse};

/// Answers an operation.
pub(crate) async fn handle(
    app: &App,
    caller: Caller<'_>,
    operation: &str,
    input: Value,
    trace_id: &str,
) -> Result<Value, ApiError> {
    match operation {
        "Publish" => publish::run(app, caller, parse(input)?, trace_id).await,
        "GetRetainedMessage" => retained_messages::get(app, caller, &parse(input)?),
        "ListRetainedMessages" => retained_messages::list(app, caller, &parse(input)?),
        "GetThingShadow" => shadows::get(app, caller, parse(input)?),
        "UpdateThingShadow" => shadows::update(app, caller, parse(input)?),
        "DeleteThingShadow" => shadows::delete(app, caller, parse(input)?),
        "DeleteConnection" => delete_connection::run(app, caller.operator, parse(input)?),
        "ListNamedShadowsForThing" => shadows::list(app, caller, parse(input)?),
        other => Err(ApiError::not_implemented(other)),
    }
}

/// Whether the caller may.
fn may<A: Action>(app: &App, caller: Caller<'_>, action: A) -> Result<Permit<A>, ApiError> {
    authorize_data(&app.state, caller, action).map_err(forbidden)
}

fn forbidden(reason: String) -> ApiError {
    ApiError::new(403, "ForbiddenException", reason)
}

/// `Publish` by somebody a custom authorizer knows.
pub(crate) async fn publish_custom(
    app: &App,
    who: &sekisho_workers::Peer,
    input: Value,
    trace_id: &str,
) -> Result<Value, ApiError> {
    publish::run_custom(app, who, parse(input)?, trace_id).await
}

fn bad_token(error: BadToken) -> ApiError {
    ApiError::new(400, "InvalidRequestException", error.to_string())
}
