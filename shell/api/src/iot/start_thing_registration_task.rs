//! `StartThingRegistrationTask`: a template, and an object with a device a line.
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_body: String,
    input_file_bucket: String,
    input_file_key: String,
    role_arn: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, mut random) = (app.state.now(), app.state.random());
    let started = commit(app, |registry| {
        let place = (input.input_file_bucket, input.input_file_key);
        registry.start_registration_task(now, input.template_body, place, input.role_arn, &mut random)
    });
    let task = started.await?;
    app.bulk.resume();
    Ok(json!({ "taskId": task.task_id }))
}
