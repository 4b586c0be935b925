//! `UpdateAuthorizer`
use std::collections::BTreeMap;

use sekisho_registry::{AuthorizerSettings, AuthorizerStatus};
use sekisho_types::AuthorizerName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    authorizer_name: AuthorizerName,
    #[serde(flatten)]
    settings: Settings,
}

/// What an authorizer is made or changed with.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Settings {
    authorizer_function_arn: Option<String>,
    token_key_name: Option<String>,
    token_signing_public_keys: Option<BTreeMap<String, String>>,
    status: Option<AuthorizerStatus>,
    enable_caching_for_http: Option<bool>,
}

impl From<Settings> for AuthorizerSettings {
    fn from(settings: Settings) -> Self {
        let Settings { authorizer_function_arn, token_key_name, token_signing_public_keys, .. } = settings;
        let (status, enable_caching_for_http) = (settings.status, settings.enable_caching_for_http);
        Self { authorizer_function_arn, token_key_name, token_signing_public_keys, status, enable_caching_for_http }
    }
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let Input { authorizer_name, settings } = input;
    let (now, settings) = (app.state.now(), AuthorizerSettings::from(settings));
    commit(app, |registry| registry.update_authorizer(now, &authorizer_name, settings)).await?;
    let arn = app.state.read().registry.authorizer_arn(&authorizer_name);
    Ok(json!({ "authorizerName": authorizer_name, "authorizerArn": arn }))
}
