//! `CreateAuthorizer`
use sekisho_registry::AuthorizerSettings;
use sekisho_types::AuthorizerName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Tag, commit, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    authorizer_name: AuthorizerName,
    #[serde(flatten)]
    settings: AuthorizerSettings,
    #[serde(default)]
    signing_disabled: bool,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let Input { authorizer_name, settings, signing_disabled, tags } = input;
    let now = app.state.now();
    let arn = app.state.read().registry.authorizer_arn(&authorizer_name);
    let named = authorizer_name.clone();
    let made = commit(app, |registry| {
        let mut events = registry.create_authorizer(now, named, settings, signing_disabled)?;
        events.extend(registry.tagged(&arn, tag_map(tags))?);
        Ok((events, ()))
    });
    made.await?;
    Ok(json!({ "authorizerName": authorizer_name, "authorizerArn": arn }))
}
