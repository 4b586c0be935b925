//! `DeleteRegistrationCode`: the next one asked for is another.
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

pub(super) async fn run(app: &App) -> Result<Value, ApiError> {
    commit_empty(app, |registry| Ok((registry.delete_registration_code(), ()))).await
}
