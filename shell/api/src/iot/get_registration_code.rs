//! `GetRegistrationCode`: what whoever registers a CA signs to show that they hold its key.
use sekisho_registry::RegistryError;
use serde_json::{Value, json};

use super::commit;
use crate::{ApiError, App};

pub(super) async fn run(app: &App) -> Result<Value, ApiError> {
    let mut random = app.state.random();
    let code = commit(app, |registry| Ok::<_, RegistryError>(registry.ensure_registration_code(&mut random)));
    Ok(json!({ "registrationCode": code.await? }))
}
