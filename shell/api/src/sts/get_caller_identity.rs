//! `GetCallerIdentity`: the account's root, or a session of a role.
use sekisho_sigv4::Operator;

use super::answer;
use crate::App;
use crate::render::element;

pub(crate) fn run(app: &App, operator: &Operator, request_id: &str) -> String {
    let account = app.state.tenant().account.as_str();
    let (arn, user_id) = match operator.session() {
        None => (format!("arn:aws:iam::{account}:root"), account.to_owned()),
        Some(session) => (session.arn(), session.user_id()),
    };
    answer("GetCallerIdentity", request_id, |out| {
        element(out, "Arn", &arn);
        element(out, "UserId", &user_id);
        element(out, "Account", account);
    })
}
