//! STS, as far as tools ask it who they are, and for a role's credentials.
mod assume_role;
mod get_caller_identity;

use sekisho_sigv4::Operator;

use crate::render::element;
use crate::{ApiError, App};

/// Answers an operation with XML; `form` is what was sent.
pub(crate) fn handle(
    app: &App,
    operator: &Operator,
    operation: &str,
    form: &[(String, String)],
    request_id: &str,
) -> Result<String, ApiError> {
    match operation {
        "AssumeRole" => assume_role::run(app, form, request_id),
        "GetCallerIdentity" => Ok(get_caller_identity::run(app, operator, request_id)),
        other => Err(ApiError::not_implemented(other)),
    }
}

/// An operation's answer around its result.
fn answer(operation: &str, request_id: &str, result: impl FnOnce(&mut String)) -> String {
    let namespace = "https://sts.amazonaws.com/doc/2011-06-15/";
    let mut out = format!("<{operation}Response xmlns=\"{namespace}\"><{operation}Result>");
    result(&mut out);
    out.push_str(&format!("</{operation}Result><ResponseMetadata>"));
    element(&mut out, "RequestId", request_id);
    out.push_str(&format!("</ResponseMetadata></{operation}Response>"));
    out
}
