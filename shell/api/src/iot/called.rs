//! Services that a rule's actions and functions call: a rule is made if there is somebody to call.
use sekisho_rules::{Action, Program, SqlVersion, compile};
use serde_json::Value;

use crate::{ApiError, App};

/// Of a `topicRulePayload`. What else is wrong with it the registry says.
///
/// # Errors
/// `InvalidRequestException`, for the first action or function nobody is configured for.
pub(super) fn check(app: &App, payload: &Value) -> Result<(), ApiError> {
    let missing = |what: &str, name: &str, service: &str| {
        let problem = format!("the {what} `{name}` needs a [[service]] named `{service}` in sekisho.toml");
        Err(ApiError::new(400, "InvalidRequestException", problem))
    };
    let Some(program) = program(payload) else { return Ok(()) };
    let actions: Vec<&Value> =
        payload["actions"].as_array().into_iter().flatten().chain(payload.get("errorAction")).collect();
    let of_actions = actions.iter().flat_map(|action| Action::asks(action, &program));
    for asks in program.asks().iter().cloned().chain(of_actions) {
        if let Err(service) = app.services.answers(&asks) {
            return missing("function", asks.function, service);
        }
    }
    for action in actions.into_iter().filter_map(|action| Action::parse(action, &program).ok()) {
        match &action {
            Action::Call(call) if !app.services.offers(call.as_written()) => {
                return missing("rule action", call.as_written().words().kind, call.as_written().service());
            }
            Action::Http(http) => match http.signing() {
                Some(signing) if !app.services.signs(signing) => {
                    return missing("signature of", "http", &signing.service_name);
                }
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

/// Its statement, if it is one.
fn program(payload: &Value) -> Option<Program> {
    let version = payload["awsIotSqlVersion"].as_str().map_or(Some(SqlVersion::default()), SqlVersion::parse)?;
    compile(payload["sql"].as_str()?, version).ok()
}
