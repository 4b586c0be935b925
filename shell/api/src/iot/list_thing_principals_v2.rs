//! `ListThingPrincipalsV2`: with how each is attached.
use sekisho_registry::ThingPrincipalType;
use sekisho_types::ThingName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
    next_token: Option<String>,
    max_results: Option<usize>,
    thing_principal_type: Option<ThingPrincipalType>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let mut principals = app.state.read().registry.principals_of_thing(&input.thing_name)?;
    principals.retain(|(_, kind)| input.thing_principal_type.is_none_or(|wanted| wanted == *kind));
    let (key, size) = (|(arn, _): &(String, _)| arn.clone(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (principals, next) = page(principals.into_iter(), key, false, input.next_token.as_deref(), size)?;
    let shown = |(arn, kind): (String, ThingPrincipalType)| json!({ "principal": arn, "thingPrincipalType": kind });
    let mut output = json!({ "thingPrincipalObjects": principals.into_iter().map(shown).collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
