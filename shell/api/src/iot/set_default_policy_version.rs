//! `SetDefaultPolicyVersion`
use serde_json::Value;

use super::commit_empty;
use super::get_policy_version::Input;
use crate::{ApiError, App};

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, version_id) = (app.state.now(), input.version_id());
    commit_empty(app, |registry| registry.set_default_policy_version(now, input.policy_name(), version_id)).await
}
