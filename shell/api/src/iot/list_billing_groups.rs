//! `ListBillingGroups`
use sekisho_registry::BillingGroup;
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
    #[serde(default)]
    name_prefix_filter: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = |group: &&BillingGroup| group.billing_group_name.to_string();
    let (groups, size) =
        (cores.registry.billing_groups(&input.name_prefix_filter), input.max_results.unwrap_or(TOKEN_PAGE));
    let (groups, next) = page(groups, key, false, input.next_token.as_deref(), size)?;
    let names = groups.into_iter().map(|group| &group.billing_group_name);
    let groups = names.map(|name| name_and_arn(name.as_str(), cores.registry.billing_group_arn(name)));
    let mut output = json!({ "billingGroups": groups.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
