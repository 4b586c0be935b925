//! `TestInvokeAuthorizer`: what a custom authorizer's function answers for what somebody might bring. An inactive one may be tried too.
use std::collections::BTreeMap;

use sekisho_authorizer::{Answer, BadAnswer, Brought, HttpPart, MqttPart};
use sekisho_types::{AuthorizerName, Secret};
use sekisho_workers::NotVouched;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App, Blob};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    authorizer_name: AuthorizerName,
    token: Option<String>,
    token_signature: Option<String>,
    http_context: Option<HttpContext>,
    mqtt_context: Option<MqttContext>,
    tls_context: Option<TlsContext>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    query_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MqttContext {
    username: Option<String>,
    password: Option<Blob>,
    client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlsContext {
    server_name: Option<String>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let authorizer = app.state.read().registry.authorizer(&input.authorizer_name)?.clone();
    let http = |http: HttpContext| {
        let query = http.query_string.map(|query| query.strip_prefix('?').unwrap_or(&query).to_owned());
        HttpPart { headers: http.headers.into_iter().collect(), query }
    };
    let mqtt = |MqttContext { username: user_name, password, client_id }| {
        let password = password.map(|Blob(bytes)| Secret::new(bytes.to_vec()));
        MqttPart { user_name, password, client_id }
    };
    let brought = Brought {
        server_name: input.tls_context.map(|tls| tls.server_name.unwrap_or_default().into()),
        http: input.http_context.map(http),
        mqtt: input.mqtt_context.map(mqtt),
    };
    match app.authorizers.test(&authorizer, &brought, (input.token, input.token_signature)).await {
        Ok(Answer { who, policy_documents, disconnect_after_s, refresh_after_s }) => Ok(json!({
            "isAuthenticated": true,
            "principalId": who.principal_id(),
            "policyDocuments": policy_documents,
            "refreshAfterInSeconds": refresh_after_s,
            "disconnectAfterInSeconds": disconnect_after_s,
        })),
        Err(NotVouched::Answer(_, _, BadAnswer::NotAuthenticated)) => Ok(json!({ "isAuthenticated": false })),
        Err(error) => Err(refusal(&error)),
    }
}

fn refusal(error: &NotVouched) -> ApiError {
    match error {
        NotVouched::Failed(..) | NotVouched::Answer(..) | NotVouched::Policy(..) => {
            ApiError::new(400, "InvalidResponseException", error.to_string())
        }
        NotVouched::Crowded(_) => ApiError::unavailable(error),
        NotVouched::Brought(_)
        | NotVouched::NotNamed
        | NotVouched::NotThere(_)
        | NotVouched::Inactive(_)
        | NotVouched::Token(..) => ApiError::new(400, "InvalidRequestException", error.to_string()),
    }
}
