//! `UpdateAuthorizer`
use sekisho_registry::AuthorizerSettings;
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
    settings: AuthorizerSettings,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let Input { authorizer_name, settings } = input;
    let now = app.state.now();
    commit(app, |registry| registry.update_authorizer(now, &authorizer_name, settings)).await?;
    let arn = app.state.read().registry.authorizer_arn(&authorizer_name);
    Ok(json!({ "authorizerName": authorizer_name, "authorizerArn": arn }))
}
