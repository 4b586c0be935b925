//! `StopThingRegistrationTask`: what is registered stays.
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    task_id: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    let stopped = commit_empty(app, |registry| registry.stop_registration_task(now, &input.task_id)).await?;
    app.bulk.resume(); // one that nobody runs ends by being run
    Ok(stopped)
}
