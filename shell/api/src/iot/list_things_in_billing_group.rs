//! `ListThingsInBillingGroup`
use sekisho_types::{BillingGroupName, ThingName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    billing_group_name: BillingGroupName,
    next_token: Option<String>,
    max_results: Option<usize>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let things = cores.registry.things_in_billing_group(&input.billing_group_name)?;
    let (key, size) = (|name: &&ThingName| name.to_string(), input.max_results.unwrap_or(TOKEN_PAGE));
    let (things, next) = page(things.into_iter(), key, false, input.next_token.as_deref(), size)?;
    let mut output = json!({ "things": things });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
