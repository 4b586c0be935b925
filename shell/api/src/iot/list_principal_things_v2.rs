//! `ListPrincipalThingsV2`: with how each is attached.
use sekisho_registry::ThingPrincipalType;
use sekisho_types::ThingName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    principal: String,
    next_token: Option<String>,
    max_results: Option<usize>,
    thing_principal_type: Option<ThingPrincipalType>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let mut things = cores.registry.things_of_principal(&input.principal)?;
    things.retain(|(_, kind)| input.thing_principal_type.is_none_or(|wanted| wanted == *kind));
    let (key, size) = (|(name, _): &(&ThingName, _)| name.to_string(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (things, next) = page(things.into_iter(), key, false, input.next_token.as_deref(), size)?;
    let shown =
        |(name, kind): (&ThingName, ThingPrincipalType)| json!({ "thingName": name, "thingPrincipalType": kind });
    let mut output = json!({ "principalThingObjects": things.into_iter().map(shown).collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
