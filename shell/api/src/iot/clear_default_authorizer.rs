//! `ClearDefaultAuthorizer`
use sekisho_registry::Registry;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

pub(super) async fn run(app: &App) -> Result<Value, ApiError> {
    commit_empty(app, Registry::clear_default_authorizer).await
}
