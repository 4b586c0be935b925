//! `Publish`: a message from a caller who signs, or whom a custom authorizer knows, on the same road as a device's.
use sekisho_workers::{BadPublish, Caller, Peer, PublishRequest, Speech};
use serde::Deserialize;
use serde_json::{Value, json};

use super::forbidden;
use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
pub(crate) struct Input {
    #[serde(flatten)]
    request: PublishRequest,
    #[serde(default)]
    payload: Blob,
}

pub(crate) async fn run(app: &App, caller: Caller<'_>, input: Input, trace_id: &str) -> Result<Value, ApiError> {
    let announced = input.request.check(&app.settings.limits)?;
    let speech = Speech::of_caller(&app.state, caller, &announced.topic, announced.retain).map_err(forbidden)?;
    app.ingest.publish(speech, announced, input.payload.0).await?;
    Ok(json!({ "message": "OK", "traceId": trace_id }))
}

/// The same of somebody a custom authorizer knows.
pub(crate) async fn run_custom(app: &App, who: &Peer, input: Input, trace_id: &str) -> Result<Value, ApiError> {
    app.ingest.publish_custom(who, input.request.check(&app.settings.limits)?, input.payload.0).await?;
    Ok(json!({ "message": "OK", "traceId": trace_id }))
}

impl From<BadPublish> for ApiError {
    fn from(error: BadPublish) -> Self {
        Self::new(400, "InvalidRequestException", error.to_string())
    }
}
