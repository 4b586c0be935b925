//! `ListThingPrincipals`
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
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let principals = app.state.read().registry.principals_of_thing(&input.thing_name)?;
    let (arns, size) = (principals.into_iter().map(|(arn, _)| arn), input.max_results.unwrap_or(TOKEN_PAGE));
    let (principals, next) = page(arns, String::clone, false, input.next_token.as_deref(), size)?;
    let mut output = json!({ "principals": principals });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
