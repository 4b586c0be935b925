//! `DescribeThingRegistrationTask`: how far it has come.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    task_id: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let task = cores.registry.registration_task(&input.task_id)?;
    let mut output = json!({
        "taskId": task.task_id,
        "creationDate": task.creation_date.epoch_seconds(),
        "lastModifiedDate": task.last_modified_date.epoch_seconds(),
        "templateBody": task.template_body,
        "inputFileBucket": task.input_file_bucket,
        "inputFileKey": task.input_file_key,
        "roleArn": task.role_arn,
        "status": task.status.as_str(),
        "successCount": task.success_count,
        "failureCount": task.failure_count,
        "percentageProgress": task.percentage_progress,
    });
    if let Some(message) = &task.message {
        output["message"] = json!(message);
    }
    Ok(output)
}
