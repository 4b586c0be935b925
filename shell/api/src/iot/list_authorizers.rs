//! `ListAuthorizers`: by name.
use sekisho_registry::{Authorizer, AuthorizerStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    marker: Option<String>,
    page_size: Option<usize>,
    #[serde(default)]
    ascending_order: bool,
    status: Option<AuthorizerStatus>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let asked_for = |found: &&Authorizer| input.status.is_none_or(|status| status == found.status);
    let mut found: Vec<&Authorizer> = cores.registry.authorizers().filter(asked_for).collect();
    if !input.ascending_order {
        found.reverse();
    }
    let (size, key) = (input.page_size.unwrap_or(MARKER_PAGE), |found: &&Authorizer| found.authorizer_name.to_string());
    let (found, next) = page(found.into_iter(), key, !input.ascending_order, input.marker.as_deref(), size)?;
    let summary = |found: &&Authorizer| {
        let name = &found.authorizer_name;
        json!({ "authorizerName": name, "authorizerArn": cores.registry.authorizer_arn(name) })
    };
    let mut output = json!({ "authorizers": found.iter().map(summary).collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
