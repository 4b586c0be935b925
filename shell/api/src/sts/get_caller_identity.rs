//! `GetCallerIdentity`: the account's root is the only caller there is.
use sekisho_sigv4::Operator;

use crate::App;
use crate::render::element;

pub(crate) fn run(app: &App, _operator: &Operator, request_id: &str) -> String {
    let account = app.state.tenant().account.as_str();
    let mut out = String::from(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>",
    );
    element(&mut out, "Arn", &format!("arn:aws:iam::{account}:root"));
    element(&mut out, "UserId", account);
    element(&mut out, "Account", account);
    out.push_str("</GetCallerIdentityResult><ResponseMetadata>");
    element(&mut out, "RequestId", request_id);
    out.push_str("</ResponseMetadata></GetCallerIdentityResponse>");
    out
}
