//! `ListAuthorizers`: by name.
use sekisho_registry::{Authorizer, AuthorizerStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::ByMarker;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    status: Option<AuthorizerStatus>,
    #[serde(flatten)]
    page: ByMarker,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let asked_for = |found: &&Authorizer| input.status.is_none_or(|status| status == found.status);
    let key = |found: &&Authorizer| found.authorizer_name.to_string();
    input.page.answer("authorizers", cores.registry.authorizers().filter(asked_for), key, |found| {
        let name = &found.authorizer_name;
        json!({ "authorizerName": name, "authorizerArn": cores.registry.authorizer_arn(name) })
    })
}
