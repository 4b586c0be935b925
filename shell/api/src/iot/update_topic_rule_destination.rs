//! `UpdateTopicRuleDestination`: ENABLED, DISABLED, or IN_PROGRESS to ask its owner again.
use sekisho_registry::DestinationStatus;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
pub(super) struct Input {
    arn: String,
    status: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let status = match input.status.as_str() {
        "ENABLED" => DestinationStatus::Enabled,
        "DISABLED" => DestinationStatus::Disabled,
        "IN_PROGRESS" => DestinationStatus::InProgress,
        _ => {
            let message = "The status is ENABLED, DISABLED or IN_PROGRESS";
            return Err(ApiError::new(400, "InvalidRequestException", message));
        }
    };
    let now = app.state.now();
    let changed =
        commit(app, |registry| registry.update_destination(now, &mut app.state.random(), &input.arn, status)).await?;
    if status == DestinationStatus::InProgress {
        app.destinations.ask(changed);
    }
    Ok(json!({}))
}
