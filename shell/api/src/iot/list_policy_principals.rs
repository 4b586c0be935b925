//! `ListPolicyPrincipals`: `ListTargetsForPolicy` by its old name, the policy in a header; certificates only, by creation.
use sekisho_registry::Certificate;
use sekisho_types::PolicyName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::list_certificates::key;
use super::page::ByMarker;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    policy_name: PolicyName,
    #[serde(flatten)]
    page: ByMarker,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let mut found = cores.registry.principals_of_policy(&input.policy_name)?;
    found.sort_by_key(|found| (found.creation_date, found.certificate_id));
    let show = |found: &Certificate| json!(cores.registry.certificate_arn(found.certificate_id));
    input.page.answer("principals", found.into_iter(), |found| key(found), show)
}
