//! `ListThingGroupsForThing`
use sekisho_types::{ThingGroupName, ThingName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::name_and_arn;
use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_name: ThingName,
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let groups = cores.registry.groups_of_thing(&input.thing_name)?;
    let (key, size) = (|name: &&ThingGroupName| name.to_string(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (groups, next) = page(groups.into_iter(), key, false, input.next_token.as_deref(), size)?;
    let groups = groups.into_iter().map(|name| name_and_arn(name.as_str(), cores.registry.thing_group_arn(name)));
    let mut output = json!({ "thingGroups": groups.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
