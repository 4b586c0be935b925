//! `SearchIndex` over `AWS_Things`, which is always up to date. What of the query language is understood:
//! [`sekisho_registry::Query`].
use sekisho_registry::{Query, Thing};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::page;
use crate::{ApiError, App};

/// Things on a page, where the caller says nothing and at most (iot SearchIndex: "This maximum number cannot exceed 100").
const PAGE_MAX: usize = 100;
/// The index, and the version of the language its queries are in.
const INDEX: &str = "AWS_Things";
const QUERY_VERSION: &str = "2017-09-30";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    index_name: Option<String>,
    query_string: String,
    next_token: Option<String>,
    max_results: Option<usize>,
    query_version: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    if let Some(name) = input.index_name.filter(|name| name != INDEX) {
        return Err(ApiError::new(404, "ResourceNotFoundException", format!("Index {name} not found")));
    }
    if let Some(version) = input.query_version.filter(|version| version != QUERY_VERSION) {
        let message = format!("queryVersion {version} is not supported: it is {QUERY_VERSION}");
        return Err(ApiError::new(400, "InvalidQueryException", message));
    }
    let size = input.max_results.unwrap_or(PAGE_MAX);
    if size > PAGE_MAX {
        let message = format!("maxResults {size} is more than {PAGE_MAX}");
        return Err(ApiError::new(400, "InvalidRequestException", message));
    }
    let query = Query::parse(&input.query_string)?;
    let cores = app.state.read();
    let key = |thing: &&Thing| thing.thing_name.to_string();
    let (things, next) = page(cores.registry.search(&query), key, false, input.next_token.as_deref(), size)?;
    let things = things.into_iter().map(|thing| {
        let mut shown = json!({
            "thingName": thing.thing_name,
            "thingId": thing.thing_id,
            "thingGroupNames": cores.registry.indexed_group_names(thing).collect::<Vec<_>>(),
            "attributes": thing.attributes,
        });
        if let Some(thing_type_name) = &thing.thing_type_name {
            shown["thingTypeName"] = json!(thing_type_name);
        }
        shown
    });
    let mut output = json!({ "things": things.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
