//! `ListRoleAliases`: by name.
use sekisho_registry::RoleAlias;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{MARKER_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    marker: Option<String>,
    page_size: Option<usize>,
    #[serde(default)]
    ascending_order: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let mut found: Vec<&RoleAlias> = cores.registry.role_aliases().collect();
    if !input.ascending_order {
        found.reverse();
    }
    let (size, key) = (input.page_size.unwrap_or(MARKER_PAGE), |alias: &&RoleAlias| alias.role_alias.to_string());
    let (found, next) = page(found.into_iter(), key, !input.ascending_order, input.marker.as_deref(), size)?;
    let mut output = json!({ "roleAliases": found.iter().map(|alias| &alias.role_alias).collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextMarker"] = json!(next);
    }
    Ok(output)
}
