//! `CreateProvisioningTemplateVersion`
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
    template_body: String,
    #[serde(default)]
    set_as_default: bool,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (now, name) = (app.state.now(), input.template_name);
    let created = commit(app, |registry| {
        let (events, version_id) =
            registry.create_provisioning_template_version(now, &name, input.template_body, input.set_as_default)?;
        Ok((events, (registry.provisioning_template_arn(&name), version_id)))
    });
    let (arn, version_id) = created.await?;
    Ok(json!({
        "templateArn": arn,
        "templateName": name,
        "versionId": version_id,
        "isDefaultVersion": input.set_as_default,
    }))
}
