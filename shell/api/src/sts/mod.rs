//! STS, as far as tools ask it who they are.
mod get_caller_identity;

use sekisho_sigv4::Operator;

use crate::{ApiError, App};

/// Answers an operation with XML.
pub(crate) fn handle(app: &App, operator: &Operator, operation: &str, request_id: &str) -> Result<String, ApiError> {
    match operation {
        "GetCallerIdentity" => Ok(get_caller_identity::run(app, operator, request_id)),
        other => Err(ApiError::not_implemented(other)),
    }
}
