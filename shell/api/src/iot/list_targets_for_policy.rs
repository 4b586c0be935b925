//! `ListTargetsForPolicy`
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
    marker: Option<String>,
    page_size: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let targets = app.state.read().registry.targets_of_policy(&input.policy_name)?;
    let size = input.page_size.unwrap_or(MARKER_PAGE);
    let (targets, next) = page(targets.into_iter(), String::clone, false, input.marker.as_deref(), size)?;
    let mut output = json!({ "targets": targets });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
