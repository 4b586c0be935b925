//! `ListThingTypes`
use sekisho_registry::ThingType;
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use super::thing_type::shown;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    next_token: Option<String>,
    max_results: Option<usize>,
    thing_type_name: Option<ThingTypeName>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let wanted = |found: &&ThingType| input.thing_type_name.as_ref().is_none_or(|name| *name == found.thing_type_name);
    let key = |found: &&ThingType| found.thing_type_name.to_string();
    let (found, size) = (cores.registry.thing_types().filter(wanted), input.max_results.unwrap_or(TOKEN_PAGE));
    let (found, next) = page(found, key, false, input.next_token.as_deref(), size)?;
    let found = found.into_iter().map(|thing_type| shown(&cores.registry, thing_type));
    let mut output = json!({ "thingTypes": found.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
