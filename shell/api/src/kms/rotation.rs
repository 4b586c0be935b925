//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations
use sekisho_kms::{KeyState, KmsError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use super::page::page;
use crate::{ApiError, App};

const LIMIT_DEFAULT: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Enable {
    key_id: String,
    rotation_period_in_days: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    key_id: String,
    include_key_material: Option<String>,
    limit: Option<usize>,
    marker: Option<String>,
}

pub(super) async fn enable(app: &App, input: Enable) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit(app, |cores| cores.kms.enable_rotation(now, &input.key_id, input.rotation_period_in_days)).await?;
    Ok(Value::Null)
}

pub(super) async fn disable(app: &App, input: Input) -> Result<Value, ApiError> {
    commit(app, |cores| cores.kms.disable_rotation(&input.key_id)).await?;
    Ok(Value::Null)
}

pub(super) fn status(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = cores.kms.resolve_key(&input.key_id)?;
    if key.state == KeyState::PendingImport {
        return Err(KmsError::Unsupported(String::new()).into());
    }
    // A key that is not in use is not rotated, whatever was set.
    let rotation = key.rotation().filter(|_| key.state == KeyState::Enabled);
    let mut answer = json!({ "KeyId": key.key_id, "KeyRotationEnabled": rotation.is_some() });
    if let Some(rotation) = rotation {
        answer["RotationPeriodInDays"] = json!(rotation.period_d);
        answer["NextRotationDate"] = json!(rotation.next_at.epoch_seconds());
    }
    Ok(answer)
}

pub(super) async fn on_demand(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, root_key, mut random) = (app.state.now(), app.state.root_key(), app.state.random());
    let key = commit(app, |cores| cores.kms.rotate_on_demand(now, root_key, &input.key_id, &mut random)).await?;
    Ok(json!({ "KeyId": key.arn(app.state.tenant()) }))
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = cores.kms.resolve_key(&input.key_id)?;
    if !key.spec.is_symmetric() {
        return Err(KmsError::Unsupported(String::new()).into());
    }
    let all = input.include_key_material.as_deref() == Some("ALL_KEY_MATERIAL");
    // Named by their place, which never changes: there are at most a few dozen.
    let items = key.rotations(all).into_iter().enumerate().map(|(at, rotation)| (format!("{at:08}"), rotation));
    page("Rotations", items, input.marker.as_deref(), input.limit.unwrap_or(LIMIT_DEFAULT))
}
