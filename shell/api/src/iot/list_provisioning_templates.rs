//! `ListProvisioningTemplates`: by name, ascending.
use sekisho_registry::ProvisioningTemplate;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    max_results: Option<usize>,
    next_token: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = |template: &&ProvisioningTemplate| template.template_name.clone();
    let (templates, size) = (cores.registry.provisioning_templates(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (found, next) = page(templates, key, false, input.next_token.as_deref(), size)?;
    let shown = found.into_iter().map(|template| {
        let mut shown = json!({
            "templateArn": cores.registry.provisioning_template_arn(&template.template_name),
            "templateName": template.template_name,
            "creationDate": template.creation_date.epoch_seconds(),
            "lastModifiedDate": template.last_modified_date.epoch_seconds(),
            "enabled": template.enabled,
            "type": template.template_type.as_str(),
        });
        if let Some(description) = &template.description {
            shown["description"] = json!(description);
        }
        shown
    });
    let mut output = json!({ "templates": shown.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
