//! `UpdateProvisioningTemplate`
use sekisho_registry::{ProvisioningHook, TemplateUpdate};
use serde::Deserialize;
use serde_json::Value;

use super::commit_empty;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
    description: Option<String>,
    enabled: Option<bool>,
    default_version_id: Option<u32>,
    provisioning_role_arn: Option<String>,
    pre_provisioning_hook: Option<ProvisioningHook>,
    #[serde(default)]
    remove_pre_provisioning_hook: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let update = TemplateUpdate {
        description: input.description,
        enabled: input.enabled,
        default_version_id: input.default_version_id,
        provisioning_role_arn: input.provisioning_role_arn,
        pre_provisioning_hook: input.pre_provisioning_hook,
        remove_pre_provisioning_hook: input.remove_pre_provisioning_hook,
    };
    let now = app.state.now();
    commit_empty(app, |registry| registry.update_provisioning_template(now, &input.template_name, update)).await
}
