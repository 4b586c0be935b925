//! EnableKey, DisableKey, ScheduleKeyDeletion, CancelKeyDeletion
use sekisho_kms::KeyState;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

/// KMS's default, in days.
const PENDING_WINDOW_DEFAULT: u32 = 30;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Schedule {
    key_id: String,
    pending_window_in_days: Option<u32>,
}

pub(super) async fn set_enabled(app: &App, input: Input, enabled: bool) -> Result<Value, ApiError> {
    commit(app, |cores| cores.kms.set_enabled(&input.key_id, enabled)).await?;
    Ok(Value::Null)
}

pub(super) async fn schedule_deletion(app: &App, input: Schedule) -> Result<Value, ApiError> {
    let (now, days) = (app.state.now(), input.pending_window_in_days.unwrap_or(PENDING_WINDOW_DEFAULT));
    let key = commit(app, |cores| cores.kms.schedule_deletion(now, &input.key_id, days)).await?;
    let KeyState::PendingDeletion { at } = key.state else {
        return Err(ApiError::internal("a key whose deletion was scheduled is not pending deletion"));
    };
    Ok(json!({
        "KeyId": key.arn(app.state.tenant()),
        "DeletionDate": at.epoch_seconds(),
        "KeyState": "PendingDeletion",
        "PendingWindowInDays": days,
    }))
}

pub(super) async fn cancel_deletion(app: &App, input: Input) -> Result<Value, ApiError> {
    let key = commit(app, |cores| cores.kms.cancel_deletion(&input.key_id)).await?;
    Ok(json!({ "KeyId": key.arn(app.state.tenant()) }))
}
