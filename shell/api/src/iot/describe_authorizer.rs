//! `DescribeAuthorizer`
use sekisho_registry::{Authorizer, Registry};
use sekisho_types::AuthorizerName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub(super) authorizer_name: AuthorizerName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    Ok(description(&cores.registry, cores.registry.authorizer(&input.authorizer_name)?))
}

pub(super) fn description(registry: &Registry, found: &Authorizer) -> Value {
    let mut described = json!({
        "authorizerName": found.authorizer_name,
        "authorizerArn": registry.authorizer_arn(&found.authorizer_name),
        "authorizerFunctionArn": found.authorizer_function_arn,
        "tokenSigningPublicKeys": found.token_signing_public_keys,
        "status": found.status,
        "creationDate": found.creation_date.epoch_seconds(),
        "lastModifiedDate": found.last_modified_date.epoch_seconds(),
        "signingDisabled": found.signing_disabled,
        "enableCachingForHttp": found.enable_caching_for_http,
    });
    if let Some(token_key_name) = &found.token_key_name {
        described["tokenKeyName"] = json!(token_key_name);
    }
    json!({ "authorizerDescription": described })
}
