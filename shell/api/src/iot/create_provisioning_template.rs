//! `CreateProvisioningTemplate`: the body becomes version 1.
use sekisho_provisioning::TemplateType;
use sekisho_registry::{NewTemplate, ProvisioningHook};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
    description: Option<String>,
    template_body: String,
    #[serde(default)]
    enabled: bool,
    provisioning_role_arn: String,
    pre_provisioning_hook: Option<ProvisioningHook>,
    #[serde(default)]
    tags: Vec<Tag>,
    r#type: Option<String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let template_type = input.r#type.as_deref().and_then(TemplateType::parse);
    let new = NewTemplate {
        template_name: input.template_name,
        description: input.description,
        template_type: template_type.unwrap_or(TemplateType::FleetProvisioning),
        template_body: input.template_body,
        enabled: input.enabled,
        provisioning_role_arn: input.provisioning_role_arn,
        pre_provisioning_hook: input.pre_provisioning_hook,
    };
    let now = app.state.now();
    let created = commit(app, |registry| {
        let (mut events, template) = registry.create_provisioning_template(now, new)?;
        let arn = registry.provisioning_template_arn(&template.template_name);
        events.extend(registry.tagged(&arn, tag_map(input.tags))?);
        Ok((events, (arn, template)))
    });
    let (arn, template) = created.await?;
    Ok(json!({
        "templateArn": arn,
        "templateName": template.template_name,
        "defaultVersionId": template.default_version_id,
    }))
}
