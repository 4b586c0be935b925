//! `CreateTopicRuleDestination`: an endpoint's owner is asked, and nobody is called before they have agreed; a private network is there at once.
use sekisho_registry::Vpc;
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
    vpc_configuration: Option<VpcConfiguration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VpcConfiguration {
    subnet_ids: Vec<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    vpc_id: String,
    role_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpUrlConfiguration {
    confirmation_url: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let refuse = |message: String| ApiError::new(400, "InvalidRequestException", message);
    let Configuration { http_url_configuration, vpc_configuration } = input.destination_configuration;
    let http = match (http_url_configuration, vpc_configuration) {
        (Some(http), None) => http,
        (None, Some(VpcConfiguration { subnet_ids, security_groups, vpc_id, role_arn })) => {
            let (vpc, now) = (Vpc { vpc_id, subnet_ids, security_groups, role_arn }, app.state.now());
            let made =
                commit(app, |registry| registry.create_vpc_destination(now, &mut app.state.random(), vpc)).await?;
            return Ok(json!({ "topicRuleDestination": destination::shown(&app.state.read().registry, &made) }));
        }
        _ => return Err(refuse("one of httpUrlConfiguration and vpcConfiguration is required".into())),
    };
    let url = HttpUrl::parse(&http.confirmation_url);
    let url = url.map_err(|problem| refuse(format!("`{}` is no confirmationUrl: {problem}", http.confirmation_url)))?;
    let now = app.state.now();
    let made = commit(app, |registry| registry.create_destination(now, &mut app.state.random(), url)).await?;
    let shown = destination::shown(&app.state.read().registry, &made);
    app.destinations.ask(made);
    Ok(json!({ "topicRuleDestination": shown }))
}
