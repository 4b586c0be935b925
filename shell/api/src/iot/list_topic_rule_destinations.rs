//! `ListTopicRuleDestinations`
use sekisho_registry::Destination;
use serde::Deserialize;
use serde_json::{Value, json};

use super::destination;
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
    let (key, size) = (|found: &&Destination| found.id.clone(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (found, next) = page(cores.registry.destinations(), key, false, input.next_token.as_deref(), size)?;
    let found = found.into_iter().map(|one| destination::in_list(&cores.registry, one));
    let mut output = json!({ "destinationSummaries": found.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
