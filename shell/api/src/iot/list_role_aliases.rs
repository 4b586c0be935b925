//! `ListRoleAliases`: by name.
use sekisho_registry::RoleAlias;
use serde_json::{Value, json};

use super::page::ByMarker;
use crate::{ApiError, App};

pub(super) type Input = ByMarker;

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let (aliases, key) = (cores.registry.role_aliases(), |alias: &&RoleAlias| alias.role_alias.to_string());
    input.answer("roleAliases", aliases, key, |alias| json!(alias.role_alias))
}
