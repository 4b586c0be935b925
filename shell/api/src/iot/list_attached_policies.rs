//! `ListAttachedPolicies`. `recursive` asks for those of the groups a thing group is in too.
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    target: String,
    #[serde(default)]
    recursive: bool,
    marker: Option<String>,
    page_size: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let names = cores.registry.attached_policies(&input.target, input.recursive)?;
    let (key, size) = (|name: &&PolicyName| name.to_string(), input.page_size.unwrap_or(MARKER_PAGE));
    let (names, next) = page(names.into_iter(), key, false, input.marker.as_deref(), size)?;
    let policies =
        names.into_iter().map(|name| json!({ "policyName": name, "policyArn": cores.registry.policy_arn(name) }));
    let mut output = json!({ "policies": policies.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
