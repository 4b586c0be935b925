//! `ListThingGroups`: with the groups in groups unless asked otherwise.
use sekisho_registry::{ThingGroup, ThingGroupFilter};
use sekisho_types::ThingGroupName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::name_and_arn;
use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    next_token: Option<String>,
    max_results: Option<usize>,
    parent_group: Option<ThingGroupName>,
    name_prefix_filter: Option<String>,
    recursive: Option<bool>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let filter = ThingGroupFilter {
        parent_group_name: input.parent_group,
        recursive: input.recursive.unwrap_or(true),
        name_prefix: input.name_prefix_filter.unwrap_or_default(),
    };
    let cores = app.state.read();
    let (groups, size) = (cores.registry.thing_groups(&filter)?, input.max_results.unwrap_or(TOKEN_PAGE));
    let key = |group: &&ThingGroup| group.thing_group_name.to_string();
    let (groups, next) = page(groups, key, false, input.next_token.as_deref(), size)?;
    let names = groups.into_iter().map(|group| &group.thing_group_name);
    let groups = names.map(|name| name_and_arn(name.as_str(), cores.registry.thing_group_arn(name)));
    let mut output = json!({ "thingGroups": groups.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
