//! `DeleteProvisioningTemplateVersion`: any but the default one.
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
    version_id: u32,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let now = app.state.now();
    commit_empty(app, |registry| {
        registry.delete_provisioning_template_version(now, &input.template_name, input.version_id)
    })
    .await
}
