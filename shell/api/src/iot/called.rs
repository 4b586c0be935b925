//! Services that a rule's actions call: a rule is made if there is somebody to call.
use sekisho_calls::Call;
use serde_json::Value;

use crate::{ApiError, App};

/// Of a `topicRulePayload`. What else is wrong with its actions the registry says.
///
/// # Errors
/// `InvalidRequestException`, for the first action nobody is configured for.
pub(super) fn check(app: &App, payload: &Value) -> Result<(), ApiError> {
    let actions = payload["actions"].as_array().into_iter().flatten().chain(payload.get("errorAction"));
    for (name, members) in actions.filter_map(Value::as_object).flatten() {
        let Ok(call) = Call::read(name, Call::with_given(name, members.clone())) else { continue };
        if !app.services.offers(&call) {
            let service = call.service();
            let problem = format!("the rule action `{name}` needs a [[service]] named `{service}` in sekisho.toml");
            return Err(ApiError::new(400, "InvalidRequestException", problem));
        }
    }
    Ok(())
}
