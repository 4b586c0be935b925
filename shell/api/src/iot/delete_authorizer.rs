//! `DeleteAuthorizer`
use serde_json::Value;

use super::commit_empty;
use super::describe_authorizer::Input;
use crate::{ApiError, App};

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.delete_authorizer(&input.authorizer_name)).await
}
