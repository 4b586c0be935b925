//! `DescribeProvisioningTemplate`: with the body in force.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let template = cores.registry.provisioning_template(&input.template_name)?;
    let mut output = json!({
        "templateArn": cores.registry.provisioning_template_arn(&template.template_name),
        "templateName": template.template_name,
        "creationDate": template.creation_date.epoch_seconds(),
        "lastModifiedDate": template.last_modified_date.epoch_seconds(),
        "defaultVersionId": template.default_version_id,
        "templateBody": template.default_version().template_body,
        "enabled": template.enabled,
        "provisioningRoleArn": template.provisioning_role_arn,
        "type": template.template_type.as_str(),
    });
    if let Some(description) = &template.description {
        output["description"] = json!(description);
    }
    if let Some(hook) = &template.pre_provisioning_hook {
        output["preProvisioningHook"] = json!(hook);
    }
    Ok(output)
}
