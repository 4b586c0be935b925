//! `TestAuthorization`: decides as a connection would be decided about, and says which policies decided.
//!
//! Nothing is known of the connection but certificate, client id, the thing they name, and the time: an address or a will is a
//! missing context value. Whether the certificate is let in at all is not asked.
use std::collections::BTreeSet;

use sekisho_policy::{ActionName, Context, Outcome, PolicySet, StatementName, explain};
use sekisho_registry::Registry;
use sekisho_types::{ClientId, PolicyName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::policies::no_cognito;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    principal: Option<String>,
    cognito_identity_pool_id: Option<String>,
    auth_infos: Vec<AuthInfo>,
    client_id: Option<ClientId>,
    #[serde(default)]
    policy_names_to_add: Vec<PolicyName>,
    #[serde(default)]
    policy_names_to_skip: Vec<PolicyName>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthInfo {
    action_type: Option<ActionType>,
    resources: Vec<String>,
}

#[derive(Deserialize, Serialize, Clone, Copy)]
#[serde(rename_all = "UPPERCASE")]
enum ActionType {
    Publish,
    Subscribe,
    Receive,
    Connect,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    no_cognito(input.cognito_identity_pool_id.as_deref())?;
    let registry = &app.state.read().registry;
    let certificate_id = match &input.principal {
        Some(principal) => Some(
            registry
                .certificate_of_arn(principal)
                .ok_or_else(|| invalid(format!("Invalid principal: {principal} is not a certificate's ARN")))?,
        ),
        None if input.policy_names_to_add.is_empty() => return Err(invalid("A principal is needed".to_owned())),
        None => None,
    };
    let (client_id, add, skip) = (input.client_id.as_ref(), &input.policy_names_to_add, &input.policy_names_to_skip);
    let policies = registry.policies_as_if(certificate_id, client_id, add, skip)?;
    let now = app.state.now();
    let context = match certificate_id {
        Some(certificate_id) => registry.context_of(now, certificate_id, input.client_id.as_ref(), &policies),
        None => Context { now: Some(now), client_id: input.client_id, ..Context::new(registry.tenant().clone()) },
    };
    let results = input.auth_infos.into_iter().map(|info| result(registry, info, &policies, &context));
    Ok(json!({ "authResults": results.collect::<Result<Vec<_>, _>>()? }))
}

/// Of several resources each has to be allowed.
fn result(registry: &Registry, info: AuthInfo, policies: &PolicySet, context: &Context) -> Result<Value, ApiError> {
    let action = match info.action_type {
        Some(ActionType::Publish) => ActionName::Publish,
        Some(ActionType::Subscribe) => ActionName::Subscribe,
        Some(ActionType::Receive) => ActionName::Receive,
        Some(ActionType::Connect) => ActionName::Connect,
        None => return Err(invalid("An actionType is needed".to_owned())),
    };
    let (mut allowed, mut explicit, mut implicit) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut missing, mut outcomes) = (BTreeSet::new(), Vec::new());
    for resource in &info.resources {
        if !resource.starts_with("arn:") {
            return Err(invalid(format!("Invalid resource: {resource} is not an ARN")));
        }
        let verdict = explain(action, resource, policies, context);
        let policies_of = |statements: Vec<StatementName>| statements.into_iter().map(|statement| statement.policy);
        allowed.extend(policies_of(verdict.allows));
        explicit.extend(policies_of(verdict.denies));
        implicit.extend(verdict.silent);
        missing.extend(verdict.missing);
        outcomes.push(verdict.outcome);
    }
    let decision = match () {
        () if outcomes.contains(&Outcome::ExplicitDeny) => "EXPLICIT_DENY",
        () if outcomes.iter().all(|outcome| *outcome == Outcome::Allowed) && !outcomes.is_empty() => "ALLOWED",
        () => "IMPLICIT_DENY",
    };
    let named = |names: BTreeSet<PolicyName>| -> Vec<_> {
        let named = |name| json!({ "policyName": name, "policyArn": registry.policy_arn(name) });
        names.iter().map(named).collect()
    };
    Ok(json!({
        "authInfo": info,
        "allowed": { "policies": named(allowed) },
        "denied": {
            "implicitDeny": { "policies": named(implicit) },
            "explicitDeny": { "policies": named(explicit) },
        },
        "authDecision": decision,
        "missingContextValues": missing,
    }))
}

fn invalid(message: String) -> ApiError {
    ApiError::new(400, "InvalidRequestException", message)
}
