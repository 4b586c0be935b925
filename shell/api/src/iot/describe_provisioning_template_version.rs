//! `DescribeProvisioningTemplateVersion`
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
    version_id: u32,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let template = cores.registry.provisioning_template(&input.template_name)?;
    let version = template.version(input.version_id)?;
    Ok(json!({
        "versionId": version.version_id,
        "creationDate": version.creation_date.epoch_seconds(),
        "templateBody": version.template_body,
        "isDefaultVersion": version.version_id == template.default_version_id,
    }))
}
