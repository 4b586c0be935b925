//! `CreateTopicRuleDestination`: the endpoint's owner is asked, and nobody is called before they have agreed.
use sekisho_types::HttpUrl;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{commit, destination};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    destination_configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    http_url_configuration: Option<HttpUrlConfiguration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpUrlConfiguration {
    confirmation_url: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let refuse = |message: String| ApiError::new(400, "InvalidRequestException", message);
    let Some(http) = input.destination_configuration.http_url_configuration else {
        return Err(refuse(
            "httpUrlConfiguration is required; other destinations are not offered by this server".into(),
        ));
    };
    let url = HttpUrl::parse(&http.confirmation_url);
    let url = url.map_err(|problem| refuse(format!("`{}` is no confirmationUrl: {problem}", http.confirmation_url)))?;
    let now = app.state.now();
    let made = commit(app, |registry| registry.create_destination(now, &mut app.state.random(), url)).await?;
    let shown = destination::shown(&app.state.read().registry, &made);
    app.destinations.ask(made);
    Ok(json!({ "topicRuleDestination": shown }))
}
