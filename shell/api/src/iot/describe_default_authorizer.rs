//! `DescribeDefaultAuthorizer`
use serde_json::Value;

use super::describe_authorizer::description;
use crate::{ApiError, App};

pub(super) fn run(app: &App) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let found = cores.registry.default_authorizer();
    let found = found.ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", "Default authorizer not found"))?;
    Ok(description(&cores.registry, found))
}
