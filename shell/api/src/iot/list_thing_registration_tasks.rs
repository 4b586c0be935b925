//! `ListThingRegistrationTasks`
use sekisho_registry::RegistrationTask;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    next_token: Option<String>,
    max_results: Option<usize>,
    status: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let wanted = |task: &&RegistrationTask| input.status.as_ref().is_none_or(|status| task.status.as_str() == status);
    let ids = cores.registry.registration_tasks().filter(wanted).map(|task| task.task_id.clone());
    let size = input.max_results.unwrap_or(TOKEN_PAGE);
    let (ids, next) = page(ids, String::clone, false, input.next_token.as_deref(), size)?;
    let mut output = json!({ "taskIds": ids });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
