//! `ListProvisioningTemplateVersions`: the oldest first.
use sekisho_registry::ProvisioningTemplateVersion;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    template_name: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let template = cores.registry.provisioning_template(&input.template_name)?;
    let key = |version: &&ProvisioningTemplateVersion| format!("{:010}", version.version_id);
    let size = input.max_results.unwrap_or(TOKEN_PAGE);
    let (found, next) = page(template.versions.iter(), key, false, input.next_token.as_deref(), size)?;
    let shown = found.into_iter().map(|version| {
        json!({
            "versionId": version.version_id,
            "creationDate": version.creation_date.epoch_seconds(),
            "isDefaultVersion": version.version_id == template.default_version_id,
        })
    });
    let mut output = json!({ "versions": shown.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
