//! Services that a rule's actions and functions call: a rule is made if there is somebody to call.
use sekisho_calls::{Call, Signing};
use sekisho_rules::{Action, Asks, SqlVersion, compile};
use serde_json::Value;

use crate::{ApiError, App};

/// Of a `topicRulePayload`. What else is wrong with it the registry says.
///
/// # Errors
/// `InvalidRequestException`, for the first action or function nobody is configured for.
pub(super) fn check(app: &App, payload: &Value) -> Result<(), ApiError> {
    let missing = |what: &str, name: &str, service: &str| {
        let problem = format!("the {what} `{name}` needs a [[service]] named `{service}` in sekisho.toml");
        ApiError::new(400, "InvalidRequestException", problem)
    };
    for asks in asks(payload) {
        app.services.answers(&asks).map_err(|service| missing("function", asks.function, service))?;
    }
    let actions = payload["actions"].as_array().into_iter().flatten().chain(payload.get("errorAction"));
    for (name, members) in actions.filter_map(Value::as_object).flatten() {
        let signing =
            members["auth"].get("sigv4").cloned().and_then(|sigv4| serde_json::from_value::<Signing>(sigv4).ok());
        if let Some(signing) = signing.filter(|signing| name == "http" && !app.services.signs(signing)) {
            return Err(missing("signature of", "http", &signing.service_name));
        }
        if name == "kafka" {
            let arn = members["destinationArn"].as_str().unwrap_or_default();
            let cores = app.state.read();
            let found = cores.registry.destination_of_arn(arn);
            if !arn.is_empty() && !found.is_ok_and(|found| found.endpoint().is_none()) {
                let problem = format!("kafka: destinationArn: there is no VPC destination `{arn}`");
                return Err(ApiError::new(400, "InvalidRequestException", problem));
            }
        }
        let Ok(call) = Call::read(name, Call::with_given(name, members.clone())) else { continue };
        if !app.services.offers(&call) {
            return Err(missing("rule action", name, call.service()));
        }
    }
    Ok(())
}

/// What its statement and its actions' templates ask others for. Of what is no statement, nothing.
fn asks(payload: &Value) -> Vec<Asks> {
    let version = payload["awsIotSqlVersion"].as_str().map_or(Some(SqlVersion::default()), SqlVersion::parse);
    let (Some(version), Some(sql)) = (version, payload["sql"].as_str()) else { return Vec::new() };
    let Ok(program) = compile(sql, version) else { return Vec::new() };
    let mut asks = program.asks().to_vec();
    asks.extend(Action::asks(&payload["actions"], &program));
    asks.extend(Action::asks(&payload["errorAction"], &program));
    asks
}
