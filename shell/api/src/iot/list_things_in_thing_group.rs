//! `ListThingsInThingGroup`
use sekisho_types::{ThingGroupName, ThingName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_group_name: ThingGroupName,
    #[serde(default)]
    recursive: bool,
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let things = cores.registry.things_in_group(&input.thing_group_name, input.recursive)?;
    let (key, size) = (|name: &&ThingName| name.to_string(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (things, next) = page(things.into_iter(), key, false, input.next_token.as_deref(), size)?;
    let mut output = json!({ "things": things });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
